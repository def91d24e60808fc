//! The page, served over HTTP/1.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, HeaderName, HeaderValue, USER_AGENT};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use sidestream_onboarding::{self as onboarding, Site};
use sidestream_record::DialFailure;
use tokio::io::DuplexStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tracing::debug;

use super::Revocations;
use super::local::Local;

/// How many visitors are served at once.
const MAX_VISITORS: usize = 64;
/// How long the head of a request may be.
const MAX_HEAD: usize = 16 * 1024;
/// How many fields it may have.
const MAX_FIELDS: usize = 100;
/// How long a visitor may take to ask.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a visitor may take in all.
const LIFETIME: Duration = Duration::from_secs(60);

/// Serves a site to whoever is connected with it.
#[derive(Clone)]
pub(super) struct Page {
    site: Arc<Site>,
    revocations: Option<Arc<Revocations>>,
    room: Arc<Semaphore>,
}

impl Page {
    pub(super) fn new(site: Arc<Site>) -> Self {
        let room = Arc::new(Semaphore::new(MAX_VISITORS));
        Self { site, revocations: None, room }
    }

    /// Also answers with the list of revoked certificates.
    pub(super) fn with_revocations(self, revocations: Revocations) -> Self {
        Self { revocations: Some(Arc::new(revocations)), ..self }
    }

    /// Returns at which path that list is found, if it is.
    pub(super) fn crl_path(&self) -> Option<&str> {
        self.revocations.as_ref().and_then(|_| self.site.crl_path())
    }

    /// Connects with it.
    ///
    /// # Errors
    ///
    /// Refused, while too many others are served.
    pub(super) fn connect(&self) -> Result<Local, DialFailure> {
        let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() else {
            debug!("too many visitors of the page at once");
            return Err(DialFailure::Refused);
        };
        let (ours, theirs) = Local::pair();
        tokio::spawn(serve(self.clone(), theirs, permit));
        Ok(ours)
    }
}

/// Answers one request.
async fn serve(page: Page, stream: DuplexStream, _permit: OwnedSemaphorePermit) {
    let service = service_fn(|request| {
        let response = answer(&page, &request);
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_FIELDS)
        // Who says no more may still listen.
        .half_close(true)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    match timeout(LIFETIME, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%error, "a visitor of the page was not served"),
        Err(_elapsed) => debug!("a visitor of the page took too long"),
    }
}

fn answer(page: &Page, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let field = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let (method, path) = (request.method().as_str(), request.uri().path());
    let answer = match &page.revocations {
        Some(revocations) if page.crl_path() == Some(path) => {
            page.site.answer_crl(method, revocations.list().as_deref())
        }
        _ => page.site.answer(&onboarding::Request {
            method,
            path,
            user_agent: field(USER_AGENT),
            accept: field(ACCEPT),
        }),
    };
    debug!(method = %request.method(), status = answer.status, "the page was visited");
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or_default();
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}
