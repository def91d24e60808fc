#!/usr/bin/env bash
# Puts what `cargo xtask ci cross` needs into the folder DIR, on a Debian 12 without
# rustup's targets: Debian's newest Rust, unpacked and not installed, and the standard
# library of each target built from its source. What is there already is kept.
#
#     ci/cross.sh target/cross
#
# With rustup nothing of this is needed: `rustup target add TARGET`.
set -euo pipefail
stubs=$(dirname "$(realpath "$0")")/stub
folder=$(realpath -m "${1:?say where: ci/cross.sh DIR}")
version=1.96
host=x86_64-linux-gnu
packages=(rustc-web cargo-web rust-web-clippy rust-web-src libstd-rust-web-dev
    "libstd-rust-web-$version" libllvm22)
# Libraries of cargo's that a machine may lack: the package, and one of its files.
lacking() { [[ -e /usr/lib/$host/$2 ]] || packages+=("$1"); }
lacking libgit2-1.5 libgit2.so.1.5
lacking libhttp-parser2.9 libhttp_parser.so.2.9
lacking libssh2-1 libssh2.so.1
lacking libmbedtls14 libmbedtls.so.14
lacking libmbedx509-1 libmbedx509.so.1
lacking libmbedcrypto7 libmbedcrypto.so.7

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# Who downloads is not root and has to reach it.
chmod 755 "$scratch"

# unpack: the packages, and a command for each program that finds its libraries.
unpack() {
    [[ -e $folder/bin/rustc ]] && return
    local debs program
    debs=$scratch/debs
    mkdir "$debs"
    (cd "$debs" && apt-get download -qq "${packages[@]}" 2>"$debs/said") || {
        cat "$debs/said"
        echo "cross: a package is missing; try again after \`apt-get update\`"
        return 1
    } >&2
    for deb in "$debs"/*.deb; do dpkg-deb -x "$deb" "$folder"; done
    mkdir -p "$folder/bin"
    for program in cargo cargo-clippy clippy-driver rustc; do
        cat >"$folder/bin/$program" <<END
#!/bin/sh
LD_LIBRARY_PATH=$folder/usr/lib/$host:$folder/usr/lib exec $folder/usr/bin/$program "\$@"
END
        chmod 755 "$folder/bin/$program"
    done
}

# std TARGET: its standard library, to be linked where a linker for it is there, else for checks.
std() {
    local target=$1 linker=${2:-} verb=check kind=rmeta flags=-Cdlltool=$stubs/dlltool
    local built lib started=$SECONDS
    if [[ -n $linker ]] && command -v "$linker" >/dev/null; then verb=build kind=rlib flags=; fi
    lib=$folder/usr/lib/rustlib/$target/lib
    if compgen -G "$lib/libstd-*.$kind" >/dev/null; then return; fi
    built=$scratch/$target
    mkdir -p "$built/src"
    touch "$built/src/lib.rs"
    cat >"$built/Cargo.toml" <<END
[package]
name = "nothing"
edition = "2024"
[profile.release]
opt-level = 2
END
    # Elsewhere than here, where the workspace's own settings would hold.
    (cd "$built" && PATH=$folder/bin:$PATH RUSTC_BOOTSTRAP=1 RUSTFLAGS=$flags \
        CARGO_TARGET_DIR=$built/target cargo "$verb" --quiet --release --target "$target" \
        -Zbuild-std=std,panic_abort,panic_unwind,proc_macro,test)
    rm -rf "$lib"
    mkdir -p "$lib"
    find "$built/target/$target/release" -name "*.$kind" ! -name 'libnothing*' -exec cp {} "$lib/" \;
    echo "cross: $target ($verb) in $((SECONDS - started)) s"
}

started=$SECONDS
unpack
std x86_64-pc-windows-gnu x86_64-w64-mingw32-gcc
std aarch64-apple-darwin
awk -v seconds=$((SECONDS - started)) 'BEGIN { printf "cross: %.1f min\n", seconds / 60 }'
