"""Asks as browsers do, by the profiles of curl-cffi: URL in the clear, URL over TLS."""

import sys

from curl_cffi import requests

PROFILES = ["chrome99_android", "chrome100", "chrome110", "chrome120", "chrome124", "chrome131"]
PROFILES += ["chrome136", "edge101", "firefox133", "firefox135", "safari153", "safari170"]
PROFILES += ["safari172_ios", "safari180", "safari184", "tor145"]

for profile in PROFILES:
    print(f"== {profile}")
    try:
        with requests.Session(impersonate=profile, verify=False) as session:
            for word in ["get", "post", "gzip"]:
                body = {"data": b"x" * 1000} if word == "post" else {}
                ask = session.post if body else session.get
                response = ask(f"{sys.argv[2]}/{profile}/{word}", **body)
                print(word, response.http_version, response.status_code, response.text.strip())
    except requests.exceptions.RequestException as error:
        print(type(error).__name__, error)
