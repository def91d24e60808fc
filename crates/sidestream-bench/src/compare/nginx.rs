//! nginx as Debian has it, ending TLS on both sides.

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::origin::HOST;

/// Finds nginx, also where only administrators look.
pub(super) fn program() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join("nginx")).find(|program| program.is_file())
}

/// Writes a configuration: one process, connections kept to the origin, nothing logged or buffered on disk.
pub(super) fn write(
    folder: &Path,
    listen: SocketAddr,
    origin: SocketAddr,
    certificates: &Path,
) -> anyhow::Result<PathBuf> {
    let folder = folder.display();
    let certificates = certificates.display();
    // The user of our namespace; of others it may know none.
    let text = format!(
        "user root root;
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 10000; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 0;
    keepalive_requests 1000000;
    keepalive_timeout 600;
    http2_max_concurrent_streams 250;
    upstream origin {{ server {origin}; keepalive 64; keepalive_requests 1000000; }}
    server {{
        listen {listen} ssl http2;
        ssl_certificate {certificates}/leaf.pem;
        ssl_certificate_key {certificates}/leaf.key;
        ssl_protocols TLSv1.2 TLSv1.3;
        location / {{
            proxy_pass https://origin;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_set_header Host {HOST};
            proxy_ssl_server_name on;
            proxy_ssl_name {HOST};
            proxy_ssl_verify on;
            proxy_ssl_trusted_certificate {certificates}/ca.pem;
            proxy_ssl_protocols TLSv1.2 TLSv1.3;
            proxy_buffering off;
            proxy_request_buffering off;
        }}
    }}
}}
"
    );
    let path = PathBuf::from(format!("{folder}/nginx.conf"));
    fs::write(&path, text).context("writing nginx's configuration")?;
    Ok(path)
}
