################################################################################
#
# traction
#
################################################################################

TRACTION_SITE = $(realpath $(BR2_EXTERNAL_TRACTION_PATH)/..)
TRACTION_SITE_METHOD = local
TRACTION_OVERRIDE_SRCDIR_RSYNC_EXCLUSIONS = \
	--exclude=/.cache --exclude=/.work --exclude=/appliance --exclude=/buildroot

# The checkout carries no licence, so neither is one named here, and nobody has been
# allowed to pass the sources on: legal-info says "unknown" and leaves them out.
TRACTION_REDISTRIBUTE = NO

TRACTION_GOMOD = traction
TRACTION_BUILD_TARGETS = cmd/appliance
TRACTION_GO_ENV = CGO_ENABLED=0

# What "appliance --version" says.
TRACTION_REVISION = $(or $(shell git -C $(TRACTION_SITE) describe --always --dirty 2>/dev/null),unknown)
TRACTION_LDFLAGS = -s -w -X main.version=$(TRACTION_REVISION)

# A local site skips the download step, in which modules are vendored otherwise. Go
# itself is only promised from the configure step on, so a hook after rsync would be
# too early. Before each build, a rebuild after a change to go.mod works too. go.sum
# vouches for what comes, wherever GOPROXY says it comes from.
define TRACTION_VENDOR
	test -d $(TRACTION_SITE)/vendor || { \
		cd $(@D) && $(HOST_GO_COMMON_ENV) GOPROXY=$(or $(GOPROXY),direct) \
			$(GO_BIN) mod vendor -modcacherw; }
endef
TRACTION_PRE_BUILD_HOOKS += TRACTION_VENDOR

define TRACTION_INSTALL_FILES
	$(INSTALL) -D -m 0644 $(@D)/systemd/traction.sysusers \
		$(TARGET_DIR)/usr/lib/sysusers.d/traction.conf
	$(INSTALL) -D -m 0644 $(@D)/systemd/traction.tmpfiles \
		$(TARGET_DIR)/usr/lib/tmpfiles.d/traction.conf
	$(INSTALL) -D -m 0644 $(@D)/systemd/70-traction.rules \
		$(TARGET_DIR)/usr/lib/udev/rules.d/70-traction.rules
	$(INSTALL) -D -m 0644 $(@D)/systemd/traction.toml \
		$(TARGET_DIR)/etc/traction/traction.toml
endef
TRACTION_POST_INSTALL_TARGET_HOOKS += TRACTION_INSTALL_FILES

define TRACTION_INSTALL_INIT_SYSTEMD
	$(INSTALL) -D -m 0644 $(@D)/systemd/traction-control.service \
		$(TARGET_DIR)/usr/lib/systemd/system/traction-control.service
	$(INSTALL) -D -m 0644 $(@D)/systemd/traction-gateway.service \
		$(TARGET_DIR)/usr/lib/systemd/system/traction-gateway.service
	$(INSTALL) -D -m 0644 $(TRACTION_PKGDIR)/50-traction.preset \
		$(TARGET_DIR)/usr/lib/systemd/system-preset/50-traction.preset
endef

$(eval $(golang-package))
