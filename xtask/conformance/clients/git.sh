#!/usr/bin/env bash
# Clones and pushes by git: URL of the folder with `repository.git` in the clear, and over TLS.
set -u
export GIT_CONFIG_GLOBAL=/dev/null GIT_TERMINAL_PROMPT=0
for base in "$1" "$2"; do
    name=git-${base%%:*}
    rm -rf clone
    echo "== $name list"
    git ls-remote "$base/$name/repository.git" 2>&1
    echo "== $name clone"
    git clone --quiet "$base/$name/repository.git" clone 2>&1 && git -C clone log --format=%s%n%H
done
