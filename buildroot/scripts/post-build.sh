#!/bin/sh
# Finish the target: what depends on the board, the version or the keys.
#
#   post-build.sh TARGET_DIR BOARD_DIR     called by Buildroot
set -eu

TARGET_DIR=$1
BOARD_DIR=$2
scripts=$(dirname "$0")
# shellcheck source=SCRIPTDIR/common.sh
. "$scripts/common.sh"

# Who this is; os-release(5).
write_release() {
	mkdir -p "$TARGET_DIR/usr/lib"
	cat >"$TARGET_DIR/usr/lib/os-release" <<END
NAME="$PRODUCT_NAME"
ID=$PRODUCT_ID
PRETTY_NAME="$PRODUCT_NAME $VERSION"
VERSION="$VERSION ($BOARD_NAME)"
VERSION_ID=$VERSION
VARIANT="$BOARD_NAME"
VARIANT_ID=$BOARD_ID
END
	ln -sf ../usr/lib/os-release "$TARGET_DIR/etc/os-release"
}

# What an update must match, and whose signature it must carry.
write_rauc() {
	"$scripts/update-keys.sh" "$(update_keys)"
	mkdir -p "$TARGET_DIR/etc/rauc"
	fill "$EXTERNAL/rauc/system.conf.in" >"$TARGET_DIR/etc/rauc/system.conf"
	install -m 0644 "$(update_keys)/ca.pem" "$TARGET_DIR/etc/rauc/keyring.pem"
	if [ "$BOOTLOADER" = uboot ]; then
		# As board/common/boot.cmd has it: one sector, one copy.
		printf '%s\t0x0\t0x200\n' /dev/disk/by-partlabel/traction-state >"$TARGET_DIR/etc/fw_env.config"
	fi
}

# The processor that the kernel leaves alone is the one that the controller takes.
write_cpu() {
	settings=$TARGET_DIR/etc/traction/traction.toml
	sed -i "s/^cpu = -\?[0-9]*$/cpu = $ISOLATED_CPU/" "$settings"
	grep -qx "cpu = $ISOLATED_CPU" "$settings" || {
		echo "post-build: $settings has no key cpu" >&2
		return 1
	}
}

# Empty: the first start writes an identity of its own into it.
: >"$TARGET_DIR/etc/machine-id"
mkdir -p "$TARGET_DIR/boot" "$TARGET_DIR/var"
rm -rf "${TARGET_DIR:?}/etc/init.d" "${TARGET_DIR:?}/etc/network"
chmod 0440 "$TARGET_DIR/etc/sudoers.d/10-admin"
ln -sf ../run/systemd/resolve/stub-resolv.conf "$TARGET_DIR/etc/resolv.conf"

write_release
write_rauc
# Without network and battery the clock starts from this file's time (systemd(1)): not
# before the keys were made, or no update would be valid yet.
touch "$TARGET_DIR/usr/lib/clock-epoch"
install -D -m 0755 -t "$TARGET_DIR/usr/lib/rauc" "$EXTERNAL"/board/common/rauc/*
write_cpu

"$HOST_DIR/bin/systemctl" --root="$TARGET_DIR" preset-all

# What must not be, whatever presets of packages say.
if [ -n "$(find "$TARGET_DIR/etc/systemd/system" -name traction-control.service)" ]; then
	echo "post-build: the controller is enabled: it must wait until the table is set up" >&2
	exit 1
fi
