# shellcheck shell=sh
# What both scripts of the build know: meta files, version, names. Sourced with
# BOARD_DIR set.

EXTERNAL=${BR2_EXTERNAL_TRACTION_PATH:?not called by Buildroot}
# shellcheck source=SCRIPTDIR/../meta
. "$EXTERNAL/meta"
# shellcheck source=SCRIPTDIR/../board/rpi4-64/meta disable=SC2153 # set by who sources this
. "$BOARD_DIR/meta"

COMPATIBLE=$PRODUCT_ID-$BOARD_ID

# The commit that is built, as "appliance --version" says it too.
VERSION=$(git -C "$EXTERNAL/.." describe --always --dirty 2>/dev/null) || VERSION=unknown

# fill TEMPLATE writes it to standard output with the names between at signs replaced.
fill() {
	case $BOOTLOADER in
	tryboot) rauc_bootloader=custom activation='' backend=bootloader-custom-backend=/usr/lib/rauc/tryboot ;;
	# U-Boot tries whatever stands first, after a power cut too: so a new system is put
	# there by an orderly restart only, with one try (traction-activate.service).
	uboot) rauc_bootloader=uboot activation='activate-installed=false\nboot-attempts-primary=1' backend=post-install=/usr/lib/rauc/installed ;;
	*) echo "$BOARD_DIR/meta: BOOTLOADER=$BOOTLOADER is neither tryboot nor uboot" >&2 && return 1 ;;
	esac
	sed -e "s|@COMPATIBLE@|$COMPATIBLE|" -e "s|@VERSION@|$VERSION|" \
		-e "s|@BOOTLOADER@|$rauc_bootloader|" -e "s|@BACKEND@|$backend|" \
		-e "s|@ACTIVATION@|$activation|" "$1"
}

# update_keys names the folder with the keys of updates, see scripts/update-keys.sh.
update_keys() {
	named=$(sed -n 's/^BR2_PACKAGE_TRACTION_UPDATE_KEYS="\(.*\)"$/\1/p' "$BR2_CONFIG")
	echo "${named:-$BASE_DIR/update-keys}"
}
