#!/bin/sh
# Is everything that the project needs named in `make deps`? Builds a bare Debian in a temporary
# folder (debootstrap, the mirror and release of this machine), copies the project as git has it,
# and runs `make demo` and `make test` there as a new user would. Wants root, debootstrap and a
# network; some minutes and 1.5 GB of disk.
set -u
if [ "$(id -u)" != 0 ]; then
    echo "clean-install-check: it makes a Debian to change into, which only root may" >&2
    exit 7
fi
if ! command -v debootstrap >/dev/null; then
    echo "clean-install-check: please run: apt-get install debootstrap" >&2
    exit 7
fi
# "MIRROR RELEASE" of the first list of packages that apt has
set -- $(apt-get indextargets --format '$(SITE) $(RELEASE)' 'Created-By: Packages' | head -1)
mirror=$1 release=$2
bare=$(mktemp -d) || exit 7
clean_up() {
    umount -R "$bare/proc" "$bare/dev" 2>/dev/null
    rm -rf "$bare"
}
trap clean_up EXIT
trap 'exit 9' INT TERM

echo "clean-install-check: a bare Debian $release"
debootstrap --variant=minbase "$release" "$bare" "$mirror" >"$bare.log" 2>&1 || {
    tail -5 "$bare.log" >&2
    exit 7
}
rm -f "$bare.log"
chmod 755 "$bare" # its /, which apt and some tests enter as other users
mount -t proc proc "$bare/proc" && mount --rbind --make-rslave /dev "$bare/dev" || exit 7
cp /etc/resolv.conf "$bare/etc/resolv.conf"
# The only thing that a bare Debian lacks before `make` can be typed.
chroot "$bare" apt-get install -y --no-install-recommends make >/dev/null || exit 7
mkdir "$bare/quantbench"
git ls-files | tar cf - -T - | tar xf - -C "$bare/quantbench"
for target in demo test; do
    # an empty environment: nothing of this machine helps
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
        chroot "$bare" make -C /quantbench --no-print-directory "$target" >"$bare/$target.log" 2>&1
    ended=$?
    tail -4 "$bare/$target.log"
    if [ "$ended" -ne 0 ]; then
        grep -n 'not ok\|error' "$bare/$target.log" | head -20
        echo "clean-install-check: \`make $target\` failed in a bare Debian $release"
        exit 1
    fi
done
echo "clean-install-check: \`make demo\` and \`make test\` pass in a bare Debian $release"
