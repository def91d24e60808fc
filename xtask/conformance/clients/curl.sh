#!/usr/bin/env bash
# Asks by curl: URL in the clear, URL over TLS.
set -u
head -c 2000000 /dev/zero >upload
ask() { # NAME OPTION… WORD-OF-THE-PATH
    local name=$1 word=${*: -1}
    echo "== curl $name $word"
    curl --silent --show-error --include --max-time 60 --compressed --location "${@:2:$#-2}" \
        "$base/curl-${name//[^a-z0-9]/-}/$word" 2>&1 | tr -d '\0' | tail -c 3000
}
for way in "http/1.1 plain:--http1.1:$1" "http/2 plain:--http2-prior-knowledge:$1" \
    "http/2 upgraded:--http2:$1" "http/1.1 tls:--http1.1:$2" "http/2 tls:--http2:$2"; do
    IFS=: read -r name version base <<<"$way"
    for word in get gzip redirect stream hints cookies large nothing missing; do
        ask "$name" "$version" "$word"
    done
    # A body is no part of an upgrade.
    [[ $name == *upgraded ]] && continue
    ask "$name" "$version" --data-binary @upload post
    ask "$name" "$version" --header 'Transfer-Encoding: chunked' --data-binary @upload post
    ask "$name" "$version" --upload-file upload post
    ask "$name" "$version" --header 'Expect: 100-continue' --data abc post
    ask "$name" "$version" --head get
    ask "$name" "$version" --header 'x-TWICE: a' --header 'X-Twice:  b ' --header 'X-Empty;' get
    ask "$name" "$version" --request PURGE missing
done
