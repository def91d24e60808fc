#!/usr/bin/env bash
# Asks by wget: URL in the clear, URL over TLS.
set -u
for base in "$1" "$2"; do
    name=wget-${base%%:*}
    for word in get redirect stream cookies large missing; do
        echo "== $name $word"
        wget --quiet --ca-certificate="$SSL_CERT_FILE" --tries=1 --timeout=60 --save-headers --output-document=- \
            "$base/$name/$word" 2>&1 | tr -d '\0' | tail -c 3000
    done
    echo "== $name post"
    wget --quiet --ca-certificate="$SSL_CERT_FILE" --tries=1 --timeout=60 --post-data=a=b --output-document=- "$base/$name/post" 2>&1
done
