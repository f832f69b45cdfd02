include $(sort $(wildcard $(BR2_EXTERNAL_TRACTION_PATH)/package/*/*.mk))

# A symbol that a kernel does not know, or whose dependency is missing, drops out
# of its configuration without a word. A kernel without PREEMPT_RT boots as well as
# one with it, so the build has to stop here.
define TRACTION_CHECK_KERNEL
	$(BR2_EXTERNAL_TRACTION_PATH)/scripts/check-fragments.sh \
		$(LINUX_DIR)/.config $(LINUX_KCONFIG_FRAGMENT_FILES)
endef
LINUX_PRE_BUILD_HOOKS += TRACTION_CHECK_KERNEL

# The same for the boot loader, which would then listen to the serial port.
define TRACTION_CHECK_UBOOT
	$(BR2_EXTERNAL_TRACTION_PATH)/scripts/check-fragments.sh \
		$(UBOOT_DIR)/.config $(UBOOT_KCONFIG_FRAGMENT_FILES)
endef
UBOOT_PRE_BUILD_HOOKS += TRACTION_CHECK_UBOOT
