################################################################################
#
# traction
#
################################################################################

# Without a version legal-info would pass the package over. It is no number that
# changes with the checkout, or each commit would be built in a folder of its own.
TRACTION_VERSION = local
TRACTION_SITE = $(realpath $(BR2_EXTERNAL_TRACTION_PATH)/..)
TRACTION_SITE_METHOD = local
TRACTION_OVERRIDE_SRCDIR_RSYNC_EXCLUSIONS = \
	--exclude=/.cache --exclude=/.work --exclude=/appliance --exclude=/buildroot

# The checkout carries no licence, so none is named for it, and nobody has been
# allowed to pass the sources on: legal-info leaves them out. The others are those of
# the modules in the program, whose texts are collected below.
TRACTION_LICENSE = unknown (traction), \
	Apache-2.0 (modules), \
	BSD-2-Clause (modules), \
	BSD-3-Clause (modules), \
	CC-BY-4.0 (svgo), \
	EPL-2.0 or BSD-3-Clause (paho.mqtt.golang), \
	FTL or GPL-2.0+ (freetype), \
	MIT (modules), \
	OFL-1.1 (liberation)
TRACTION_LICENSE_FILES = licences-of-modules.txt
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
	$(TRACTION_PKGDIR)/licences.sh $(@D)/vendor >$(@D)/licences-of-modules.txt
endef
TRACTION_PRE_BUILD_HOOKS += TRACTION_VENDOR

define TRACTION_NEED_LICENCES
	test -s $(TRACTION_DIR)/licences-of-modules.txt || { \
		echo "traction: its licences are known once it is built: make traction" >&2; \
		exit 1; }
endef
TRACTION_PRE_LEGAL_INFO_HOOKS += TRACTION_NEED_LICENCES

# Fixed numbers: their files outlive the system, which an update replaces whole. The
# program itself makes none at run time, so that /etc/passwd stays the image's.
define TRACTION_USERS
	- - gpio 880 - - - - GPIO lines of the table
	- - spi 881 - - - - SPI ports of the table
	- - traction-operator 882 - - - - May command the table at the table
	traction 883 traction 883 * /var/lib/traction - gpio,spi Traction table controller
	traction-gateway 884 traction-gateway 884 * /var/lib/traction-gateway - - Traction table gateway
endef

define TRACTION_INSTALL_FILES
	$(INSTALL) -D -m 0644 $(@D)/systemd/traction.tmpfiles \
		$(TARGET_DIR)/usr/lib/tmpfiles.d/traction.conf
	$(INSTALL) -D -m 0644 $(@D)/systemd/traction.sysctl \
		$(TARGET_DIR)/usr/lib/sysctl.d/50-traction.conf
	$(INSTALL) -D -m 0644 $(@D)/systemd/70-traction.rules \
		$(TARGET_DIR)/usr/lib/udev/rules.d/70-traction.rules
	$(INSTALL) -D -m 0644 $(@D)/systemd/traction.toml \
		$(TARGET_DIR)/etc/traction/traction.toml
	$(INSTALL) -D -m 0644 $(@D)/licences-of-modules.txt \
		$(TARGET_DIR)/usr/share/doc/traction/licences-of-modules.txt
endef
TRACTION_POST_INSTALL_TARGET_HOOKS += TRACTION_INSTALL_FILES

ifeq ($(BR2_PACKAGE_TRACTION_BROKER),y)
define TRACTION_INSTALL_BROKER
	$(INSTALL) -D -m 0644 $(TRACTION_PKGDIR)/mosquitto.conf \
		$(TARGET_DIR)/etc/mosquitto/mosquitto.conf
	$(INSTALL) -d -m 0755 $(TARGET_DIR)/etc/mosquitto/conf.d
	$(INSTALL) -D -m 0644 $(@D)/systemd/traction-mosquitto.conf \
		$(TARGET_DIR)/usr/lib/systemd/system/mosquitto.service.d/50-traction.conf
endef
# After Mosquitto's own, which it replaces.
TRACTION_DEPENDENCIES += mosquitto
TRACTION_POST_INSTALL_TARGET_HOOKS += TRACTION_INSTALL_BROKER
endif

define TRACTION_INSTALL_INIT_SYSTEMD
	$(INSTALL) -D -m 0644 $(@D)/systemd/traction-control.service \
		$(TARGET_DIR)/usr/lib/systemd/system/traction-control.service
	$(INSTALL) -D -m 0644 $(@D)/systemd/traction-gateway.service \
		$(TARGET_DIR)/usr/lib/systemd/system/traction-gateway.service
	$(INSTALL) -D -m 0644 $(@D)/systemd/traction-watchdog.conf \
		$(TARGET_DIR)/usr/lib/systemd/system.conf.d/50-traction-watchdog.conf
	$(INSTALL) -D -m 0644 $(TRACTION_PKGDIR)/50-traction.preset \
		$(TARGET_DIR)/usr/lib/systemd/system-preset/50-traction.preset
endef

$(eval $(golang-package))
