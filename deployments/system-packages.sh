#!/usr/bin/env bash
# Installs what Debian has for the sandbox (`demo`), for the tests (`test`) or for the slow ones too
# (`slow`), where this user may.
# Says what it could not do: the sandbox then has no message broker, its doors are plain files, and
# `tests/tiers.py` leaves out what needs it, which it refuses to under CI=true.
set -uo pipefail

needed=()
# Debian puts servers where only root's PATH looks.
PATH="$PATH:/usr/sbin"
command -v xrootd >/dev/null || needed+=(xrootd-server)
{ command -v java && command -v activemq; } >/dev/null || needed+=(activemq)
if [ "${1:-test}" != demo ]; then
  command -v chromium-headless-shell >/dev/null || needed+=(chromium-headless-shell)
  command -v nginx >/dev/null || needed+=(nginx-light)
  command -v xrdcp >/dev/null || needed+=(xrootd-client)
  command -v curl >/dev/null || needed+=(curl)
  command -v systemd-analyze >/dev/null || needed+=(systemd)
fi
if [ "${1:-test}" = slow ]; then
  command -v mmdebstrap >/dev/null || needed+=(mmdebstrap)
  # two hosts in network namespaces, and what their Prefect servers share
  command -v ip >/dev/null || needed+=(iproute2)
  command -v nft >/dev/null || needed+=(nftables)
  command -v redis-server >/dev/null || needed+=(redis-server)
  command -v promtool >/dev/null || needed+=(prometheus)  # for promtool: the server is not started
fi

if [ ${#needed[@]} -eq 0 ]; then
  exit 0
fi
if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
  echo "not installed, since it takes root and apt-get: ${needed[*]}"
  exit 0
fi
echo "installing from Debian: ${needed[*]}"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
policy=/usr/sbin/policy-rc.d
temporary=("$log")
if [ ! -e "$policy" ]; then
  # Debian starts what it installs, unless this file forbids it; a stack starts its own.
  printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy" && temporary+=("$policy")
fi
trap 'rm -f "${temporary[@]}"' EXIT
for attempt in 1 2 3; do
  if apt-get update -qq >"$log" 2>&1 &&
    apt-get install -y -qq --no-install-recommends "${needed[@]}" >>"$log" 2>&1; then
    exit 0
  fi
  echo "attempt $attempt failed"
done
tail -5 "$log"
echo "could not install: ${needed[*]}"
exit 0
