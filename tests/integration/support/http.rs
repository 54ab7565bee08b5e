//! HTTP as the servers of the tests receive it, and as the tests send it.

use std::io::{self, Read};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

static AGENT: LazyLock<ureq::Agent> = LazyLock::new(|| {
    let config = ureq::Agent::config_builder().http_status_as_error(false).proxy(None);
    config.timeout_global(Some(Duration::from_secs(20))).build().into()
});

/// Sends a request. Returns status and body, whatever the status, or why there is no response.
pub(crate) fn send<'a>(
    url: &str,
    method: &str,
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    body: &str,
) -> Result<(u16, String), String> {
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let response = match body {
        "" => AGENT.run(request.body(()).unwrap()),
        body => AGENT.run(request.body(body.to_owned()).unwrap()),
    };
    let mut response = response.map_err(|error| error.to_string())?;
    let text = response.body_mut().read_to_string().map_err(|error| error.to_string())?;
    Ok((response.status().as_u16(), text))
}

/// A request as a server received it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// `GET /v1/secret/data/app HTTP/1.1`
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// When the headers were complete.
    pub(crate) at: Instant,
}

impl Request {
    /// Reads up to the end of the body. `None` if the client closes the connection instead.
    pub(crate) fn read(stream: &mut (impl Read + ?Sized)) -> io::Result<Option<Self>> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            if stream.read(&mut byte)? == 0 {
                return Ok(None);
            }
            head.extend_from_slice(&byte);
        }
        let at = Instant::now();
        let head = String::from_utf8_lossy(&head);
        let mut lines = head.trim_end().split("\r\n");
        let line = lines.next().unwrap_or_default().to_owned();
        let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut request = Self { line, headers: lines.filter_map(header).collect(), body: String::new(), at };
        // A body that is not read would turn the close into a reset.
        let mut body = vec![0; request.header("Content-Length").and_then(|length| length.parse().ok()).unwrap_or(0)];
        stream.read_exact(&mut body)?;
        request.body = String::from_utf8_lossy(&body).into_owned();
        Ok(Some(request))
    }

    pub(crate) fn method(&self) -> &str {
        self.line.split(' ').next().unwrap_or_default()
    }

    /// Path and query.
    pub(crate) fn target(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }

    /// The target without its query.
    pub(crate) fn path(&self) -> &str {
        self.target().split('?').next().unwrap_or_default()
    }

    /// The value of a header. Panics if the header occurs twice.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        let (_, value) = values.next()?;
        assert!(values.next().is_none(), "{name} twice in {self:?}");
        Some(value)
    }
}
