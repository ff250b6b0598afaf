#!/usr/bin/env bash
# Prints the Python that the environment is made with: the first of the declared versions
# (pyproject.toml) that is here, runs, and can make environments. An argument names the only one
# to look at. Where there is none, says in one line what to do, and ends with 2.
set -uo pipefail

declared='s/^requires-python = ">=3\.([0-9]+),<3\.([0-9]+)"$/\1 \2/p'
read -r first end < <(sed -nE "$declared" "$(dirname "$0")/../pyproject.toml")
names=("$@")
if [ $# -eq 0 ]; then
  for ((minor = first; minor < end; minor++)); do names+=("python3.$minor"); done
  names+=(python3)
fi

others=() without_venv=
for name in "${names[@]}"; do
  # pyenv leaves a shim for each version that it has, which runs for the active ones only.
  version=$("$name" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null) || continue
  IFS=. read -r major minor _ <<<"$version"
  if ((major != 3 || minor < first || minor >= end)); then
    others+=("$name is $version")
  elif "$name" -c 'import ensurepip, venv' 2>/dev/null; then
    echo "$name"
    exit
  else
    without_venv=${without_venv:-"$name ($version)"}
  fi
done

if [ -n "$without_venv" ]; then
  echo "$without_venv cannot make environments: install the package python3-venv (apt-get install python3-venv)" >&2
else
  found=$(printf ', %s' "${others[@]:-none of ${names[*]} runs}")
  echo "prodops needs Python 3.$first to 3.$((end - 1)) (found: ${found:2}): install one, or name yours: make PYTHON=..." >&2
fi
exit 2
