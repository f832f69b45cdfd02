#!/bin/sh
# Make the image of the card and the bundle of the update.
#
#   post-image.sh BINARIES_DIR BOARD_DIR     called by Buildroot
set -eu

BINARIES_DIR=$1
BOARD_DIR=$2
scripts=$(dirname "$0")
# shellcheck source=SCRIPTDIR/common.sh
. "$scripts/common.sh"

IMAGE_NAME=$COMPATIBLE-$VERSION
work=$(mktemp -d "$BUILD_DIR/traction-image.XXXXXX")
trap 'rm -rf "$work"' EXIT
tree=$work/tree # what the partitions hold, one folder each, see board/common/genimage.cfg
mkdir -p "$tree/boot" "$tree/slot" "$tree/data"

# arguments SYSTEM is the kernel's command line of one system.
arguments() {
	printf '%s root=PARTLABEL=traction-root-%s rauc.slot=%s\n' \
		"$(cat "$BOARD_DIR/cmdline.txt")" "$1" "$(echo "$1" | tr ab AB)"
}

# firmware FOLDER copies what the firmware of a Raspberry Pi reads besides a kernel.
firmware() {
	[ -d "$BINARIES_DIR/rpi-firmware" ] || return 0
	cp -r "$BINARIES_DIR/rpi-firmware/." "$1/"
	cp "$BINARIES_DIR"/*.dtb "$1/"
	cat "$BOARD_DIR/config.txt" "$EXTERNAL/board/raspberrypi/config-common.txt" >"$1/config.txt"
}

cp -r "$EXTERNAL/board/common/boot/." "$tree/boot/"
cp "$BINARIES_DIR/Image" "$tree/slot/"
case $BOOTLOADER in
tryboot)
	# A is the default; a trial takes B, once.
	printf '[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n' >"$tree/boot/autoboot.txt"
	firmware "$tree/slot"
	arguments a >"$tree/slot/cmdline-a.txt"
	arguments b >"$tree/slot/cmdline-b.txt"
	cp "$tree/slot/cmdline-a.txt" "$tree/slot/cmdline.txt"
	;;
uboot)
	mkimage -A arm64 -T script -C none -n "traction" -d "$EXTERNAL/board/common/boot.cmd" "$tree/boot/boot.scr" >/dev/null
	firmware "$tree/boot"
	if [ -d "$BINARIES_DIR/rpi-firmware" ]; then
		cp "$BINARIES_DIR/u-boot.bin" "$tree/boot/"
		# Without one the firmware makes up its own.
		echo rootwait >"$tree/boot/cmdline.txt"
	fi
	echo "bootargs=$(arguments a)" >"$tree/slot/slot-a.txt"
	echo "bootargs=$(arguments b)" >"$tree/slot/slot-b.txt"
	;;
esac

# Only a hybrid table has types of an MBR.
cp "$EXTERNAL/board/common/genimage.cfg" "$work/genimage.cfg"
if [ "$PARTITION_TABLE" != hybrid ]; then
	sed -i '/partition-type = /d' "$work/genimage.cfg"
fi
export BOOT_SIZE SLOT_BOOT_SIZE SLOT_ROOT_SIZE DATA_SIZE PARTITION_TABLE IMAGE_NAME
genimage --rootpath "$tree" --tmppath "$work/tmp" --inputpath "$BINARIES_DIR" \
	--outputpath "$BINARIES_DIR" --config "$work/genimage.cfg"

# The bundle holds the same two partitions.
mkdir "$work/bundle"
ln "$BINARIES_DIR/slot.vfat" "$work/bundle/boot.vfat" 2>/dev/null || cp "$BINARIES_DIR/slot.vfat" "$work/bundle/boot.vfat"
cp "$BINARIES_DIR/rootfs.erofs" "$work/bundle/rootfs.img"
fill "$EXTERNAL/rauc/manifest.raucm.in" >"$work/bundle/manifest.raucm"
if [ "$BOOTLOADER" = tryboot ]; then
	install -m 0755 "$EXTERNAL/rauc/hook" "$work/bundle/hook"
else
	# U-Boot finds the right line by itself.
	sed -i -e '/^\[hooks\]/,/^$/d' -e '/^hooks=/d' "$work/bundle/manifest.raucm"
fi
keys=$(update_keys)
rm -f "$BINARIES_DIR/$IMAGE_NAME.raucb"
rauc bundle --cert="$keys/cert.pem" --key="$keys/key.pem" --keyring="$keys/ca.pem" \
	"$work/bundle" "$BINARIES_DIR/$IMAGE_NAME.raucb"
echo "$BINARIES_DIR/$IMAGE_NAME.img"
