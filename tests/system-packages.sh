#!/usr/bin/env bash
# Installs what the test tiers need from Debian, where this user may. Says what it could not do;
# `tests/tiers.py` then leaves the tier out, which it refuses to under CI=true.
set -uo pipefail

needed=()
command -v chromium >/dev/null || needed+=(chromium)
# Debian puts nginx where only root's PATH looks.
command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || needed+=(nginx-light)

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
trap 'rm -f "$log"' EXIT
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
