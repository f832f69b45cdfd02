# Which of the two systems starts: U-Boot's script, compiled to boot.scr.
#
# RAUC and this script talk to each other through three variables (RAUC's manual,
# "U-Boot"): BOOT_ORDER, and for each system how often it may still be tried.
# A system that is to be tried is put first, with one try (rauc/activate); RAUC sets the
# count to 3 when it has proven itself. The variables stand,
# with their checksum, in the first sector of partition 6. A sector is written whole or
# not at all; when it is damaged all the same, both systems are tried again.
#
# ${devtype} and ${devnum}, the disk, come from U-Boot's own configuration.

setenv state_size 0x200
part start ${devtype} ${devnum} 6 state_block

if ${devtype} read ${ramdisk_addr_r} ${state_block} 1; then
	env import -c ${ramdisk_addr_r} ${state_size} BOOT_ORDER BOOT_A_LEFT BOOT_B_LEFT
fi
test -n "${BOOT_ORDER}" || setenv BOOT_ORDER "A B"
test -n "${BOOT_A_LEFT}" || setenv BOOT_A_LEFT 3
test -n "${BOOT_B_LEFT}" || setenv BOOT_B_LEFT 3

# What the firmware of a Raspberry Pi says about itself, such as addresses of its
# network ports; QEMU says nothing.
setenv bootargs_firmware
test -n "${fdt_addr}" || setenv fdt_addr ${fdtcontroladdr}
fdt addr ${fdt_addr}
fdt get value bootargs_firmware /chosen bootargs

setenv chosen
for slot in ${BOOT_ORDER}; do
	if test -n "${chosen}"; then
		true
	elif test "${slot}" = "A" -a ${BOOT_A_LEFT} -gt 0; then
		setexpr BOOT_A_LEFT ${BOOT_A_LEFT} - 1
		setenv chosen A
		setenv boot_partition 2
	elif test "${slot}" = "B" -a ${BOOT_B_LEFT} -gt 0; then
		setexpr BOOT_B_LEFT ${BOOT_B_LEFT} - 1
		setenv chosen B
		setenv boot_partition 3
	fi
done

if test -z "${chosen}"; then
	echo "Neither system has a try left: both get three more"
	setenv BOOT_A_LEFT 3
	setenv BOOT_B_LEFT 3
fi

# Noted before the try: a system that hangs, or whose plug is pulled, has used it up.
env export -c -s ${state_size} ${ramdisk_addr_r} BOOT_ORDER BOOT_A_LEFT BOOT_B_LEFT
${devtype} write ${ramdisk_addr_r} ${state_block} 1
test -n "${chosen}" || reset

echo "Starting system ${chosen}; tries left: A ${BOOT_A_LEFT}, B ${BOOT_B_LEFT}"
# slot-a.txt and slot-b.txt hold one line: bootargs=...
if test "${chosen}" = "A"; then
	setenv arguments_file slot-a.txt
else
	setenv arguments_file slot-b.txt
fi
if load ${devtype} ${devnum}:${boot_partition} ${ramdisk_addr_r} ${arguments_file}; then
	env import -t ${ramdisk_addr_r} ${filesize} bootargs
	setenv bootargs "${bootargs_firmware} ${bootargs}"
	if load ${devtype} ${devnum}:${boot_partition} ${kernel_addr_r} Image; then
		booti ${kernel_addr_r} - ${fdt_addr}
	fi
fi
echo "System ${chosen} cannot be started"
reset
