# Installs packages of Debian or Ubuntu, as root. The servers in them are not started, now or at the next boot.
set -eu
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    trap 'exit 1' HUP INT TERM
    trap 'rm -f $policy' EXIT
    # The packages ask it before they start a service; 101 forbids.
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod +x $policy
fi
install() { apt-get install --yes --quiet -o Dpkg::Use-Pty=0 --no-install-recommends "$@"; }
# The lists of a fresh image are empty, and old ones name packages that are gone.
install "$@" || { apt-get update --quiet && install "$@"; }
# Not every package has a service.
[ ! -d /run/systemd/system ] || systemctl disable --now "$@" || true
