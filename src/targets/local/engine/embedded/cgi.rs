//! What Wagi is: the Common Gateway Interface (RFC 3875) as Spin speaks it (`crates/trigger-http/src/wagi.rs@v4.0.2`,
//! `crates/http/src/wagi/mod.rs@v4.0.2`).

use std::collections::BTreeMap;

use bytes::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Response, StatusCode};
use percent_encoding::percent_decode_str;
use wasmtime_wasi_http::DEFAULT_FORBIDDEN_HEADERS;

/// The headers that the server adds to a request, and the variables that they become.
const SPIN: [(&str, &str); 7] = [
    ("spin-full-url", "X_FULL_URL"),
    ("spin-path-info", "PATH_INFO"),
    ("spin-matched-route", "X_MATCHED_ROUTE"),
    ("spin-component-route", "X_COMPONENT_ROUTE"),
    ("spin-raw-component-route", "X_RAW_COMPONENT_ROUTE"),
    ("spin-base-path", "X_BASE_PATH"),
    ("spin-client-addr", "X_CLIENT_ADDR"),
];

/// What the header of a named wildcard of a route begins with, and its variable.
const MATCH: (&str, &str) = ("spin-path-match-", "X_PATH_MATCH_");

/// Headers that become no `HTTP_…` variable: secrets and the connection's own (RFC 3875, 4.1.18), and the one whose
/// variable many HTTP clients take for the address of a proxy.
const WITHHELD: [&str; 3] = ["authorization", "connection", "proxy"];

/// The arguments: the template's words, with the path for `${SCRIPT_NAME}` and the query's parts for `${ARGS}`.
pub(super) fn arguments(template: &str, request: &Parts) -> Vec<String> {
    let query = request.uri.query().unwrap_or_default().replace('&', " ");
    let line = template.replace("${SCRIPT_NAME}", request.uri.path()).replace("${ARGS}", &query);
    line.split(' ').map(str::to_owned).collect()
}

/// The environment: the component's own, and the meta-variables of the request, which win.
pub(super) fn environment(
    own: &BTreeMap<String, String>,
    request: &Parts,
    content_length: usize,
) -> Vec<(String, String)> {
    let mut variables = own.clone();
    variables.extend(request.headers.iter().filter_map(|(name, value)| http_variable(name, value)));
    variables.extend(meta_variables(request, content_length).map(|(name, value)| (name.to_owned(), value)));
    variables.extend(spin_variables(&request.headers));
    variables.into_iter().collect()
}

fn text(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

fn http_variable(name: &HeaderName, value: &HeaderValue) -> Option<(String, String)> {
    let name = name.as_str();
    let served = name.starts_with(MATCH.0) || SPIN.iter().any(|(header, _)| *header == name);
    if served || WITHHELD.contains(&name) {
        return None;
    }
    let value = value.to_str().unwrap_or("CORRUPT VALUE").to_owned();
    Some((format!("HTTP_{}", name.to_ascii_uppercase().replace('-', "_")), value))
}

fn meta_variables(request: &Parts, content_length: usize) -> impl Iterator<Item = (&'static str, String)> {
    let headers = &request.headers;
    let host = text(headers, "host");
    let host =
        if host.is_empty() { request.uri.authority().map(ToString::to_string).unwrap_or_default() } else { host };
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => (name, port),
        _ => (host.as_str(), "80"),
    };
    let route = text(headers, "spin-matched-route");
    let path = text(headers, "spin-path-info");
    let client = text(headers, "spin-client-addr");
    let client = client.parse().map(|address: std::net::SocketAddr| address.ip().to_string()).unwrap_or_default();
    [
        ("AUTH_TYPE", String::new()),
        ("CONTENT_LENGTH", content_length.to_string()),
        ("CONTENT_TYPE", text(headers, "content-type")),
        ("GATEWAY_INTERFACE", "CGI/1.1".to_owned()),
        ("PATH_TRANSLATED", percent_decode_str(&path).decode_utf8_lossy().into_owned()),
        ("QUERY_STRING", request.uri.query().unwrap_or_default().to_owned()),
        ("REMOTE_ADDR", client.clone()),
        ("REMOTE_HOST", client),
        ("REMOTE_USER", String::new()),
        ("REQUEST_METHOD", request.method.to_string()),
        ("SCRIPT_NAME", route.strip_suffix("/...").unwrap_or(&route).to_owned()),
        ("SERVER_NAME", if name.is_empty() { "localhost" } else { name }.to_owned()),
        ("SERVER_PORT", port.to_owned()),
        ("SERVER_PROTOCOL", format!("{:?}", request.version)),
        ("SERVER_SOFTWARE", "WAGI/1".to_owned()),
        ("X_RAW_PATH_INFO", path),
    ]
    .into_iter()
}

fn spin_variables(headers: &HeaderMap) -> impl Iterator<Item = (String, String)> {
    let fixed = SPIN.iter().map(|(header, variable)| ((*variable).to_owned(), text(headers, header)));
    let matches = headers.keys().filter_map(|name| {
        let part = name.as_str().strip_prefix(MATCH.0)?;
        Some((format!("{}{}", MATCH.1, part.to_ascii_uppercase()), text(headers, name.as_str())))
    });
    fixed.chain(matches)
}

/// What a script wrote: headers, an empty line, a body. Lines end with LF or CRLF. `Err` is a fragment that says what
/// is wrong with it.
pub(super) fn answer(output: Vec<u8>) -> Result<Response<Bytes>, String> {
    let output = Bytes::from(output);
    let mut response = Response::new(Bytes::new());
    let (mut status, mut at) = (None, 0);
    loop {
        let rest = &output[at..];
        let end = rest.iter().position(|byte| *byte == b'\n').ok_or("no empty line follows its headers")?;
        let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        at += end + 1;
        if line.is_empty() {
            break;
        }
        let (name, value) = field(line)?;
        if name == "status" {
            status = Some(status_code(&value)?);
        } else {
            response.headers_mut().append(name, value);
        }
    }
    *response.body_mut() = output.slice(at..);

    let headers = response.headers();
    let (location, kind) = (headers.contains_key(header::LOCATION), headers.contains_key(header::CONTENT_TYPE));
    if status.is_none() && !location && !kind {
        return Err("it needs a header `content-type`, `location` or `status`".to_owned());
    }
    let length = headers.get(header::CONTENT_LENGTH);
    if length.is_some_and(|length| length.as_bytes() != response.body().len().to_string().as_bytes()) {
        return Err("its header `content-length` is not the length of its body".to_owned());
    }
    *response.status_mut() = status.unwrap_or(if location { StatusCode::FOUND } else { StatusCode::OK });
    Ok(response)
}

fn field(line: &[u8]) -> Result<(HeaderName, HeaderValue), String> {
    let broken = || format!("`{}` is no header", line.escape_ascii().to_string().chars().take(100).collect::<String>());
    let colon = line.iter().position(|byte| *byte == b':').ok_or_else(broken)?;
    let name = HeaderName::from_bytes(line[..colon].trim_ascii()).map_err(|_| broken())?;
    let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).map_err(|_| broken())?;
    if DEFAULT_FORBIDDEN_HEADERS.contains(&name) {
        return Err(format!("the header `{name}` is the server's to set"));
    }
    Ok((name, value))
}

/// `200` or `200 OK`.
fn status_code(value: &HeaderValue) -> Result<StatusCode, String> {
    let code = value.as_bytes().split(|byte| *byte == b' ').next().unwrap_or_default();
    let status = StatusCode::from_bytes(code).ok().filter(|status| !status.is_informational());
    status.ok_or_else(|| format!("`{}` is no status", value.as_bytes().escape_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = hyper::Request::post(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn arguments_come_from_the_template() {
        let request = request("http://x/a/b?one=1&two", &[]);
        assert_eq!(arguments("${SCRIPT_NAME} ${ARGS}", &request), ["/a/b", "one=1", "two"]);
        assert_eq!(arguments("fixed -v ${ARGS}", &request), ["fixed", "-v", "one=1", "two"]);
    }

    #[test]
    fn the_environment_is_that_of_the_gateway_interface() {
        let request = request(
            "http://example.com:3000/app/a%20b/c?x=y",
            &[
                ("host", "example.com:3000"),
                ("content-type", "text/plain"),
                ("x-custom-thing", "7"),
                ("authorization", "Bearer secret"),
                ("connection", "close"),
                ("proxy", "http://evil"),
                ("spin-full-url", "http://example.com:3000/app/a%20b/c?x=y"),
                ("spin-path-info", "/a%20b/c"),
                ("spin-matched-route", "/app/..."),
                ("spin-component-route", "/app"),
                ("spin-raw-component-route", "/app/..."),
                ("spin-base-path", "/"),
                ("spin-client-addr", "127.0.0.1:5678"),
                ("spin-path-match-user", "42"),
            ],
        );
        let own = BTreeMap::from([("GREETING", "hi"), ("REQUEST_METHOD", "mine")]);
        let own = own.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let text: Vec<_> =
            environment(&own, &request, 12).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        let expected = [
            "AUTH_TYPE=",
            "CONTENT_LENGTH=12",
            "CONTENT_TYPE=text/plain",
            "GATEWAY_INTERFACE=CGI/1.1",
            "GREETING=hi",
            "HTTP_CONTENT_TYPE=text/plain",
            "HTTP_HOST=example.com:3000",
            "HTTP_X_CUSTOM_THING=7",
            "PATH_INFO=/a%20b/c",
            "PATH_TRANSLATED=/a b/c",
            "QUERY_STRING=x=y",
            "REMOTE_ADDR=127.0.0.1",
            "REMOTE_HOST=127.0.0.1",
            "REMOTE_USER=",
            "REQUEST_METHOD=POST",
            "SCRIPT_NAME=/app",
            "SERVER_NAME=example.com",
            "SERVER_PORT=3000",
            "SERVER_PROTOCOL=HTTP/1.1",
            "SERVER_SOFTWARE=WAGI/1",
            "X_BASE_PATH=/",
            "X_CLIENT_ADDR=127.0.0.1:5678",
            "X_COMPONENT_ROUTE=/app",
            "X_FULL_URL=http://example.com:3000/app/a%20b/c?x=y",
            "X_MATCHED_ROUTE=/app/...",
            "X_PATH_MATCH_USER=42",
            "X_RAW_COMPONENT_ROUTE=/app/...",
            "X_RAW_PATH_INFO=/a%20b/c",
        ];
        assert_eq!(text, expected);
    }

    fn told(output: &str) -> Result<(u16, String, String), String> {
        let response = answer(output.as_bytes().to_vec())?;
        let headers: Vec<_> =
            response.headers().iter().map(|(name, value)| format!("{name}={}", value.to_str().unwrap())).collect();
        let body = String::from_utf8(response.body().to_vec()).unwrap();
        Ok((response.status().as_u16(), headers.join(";"), body))
    }

    #[test]
    fn answers_are_headers_an_empty_line_and_a_body() {
        for (output, status, headers, body) in [
            ("content-type: text/plain\n\nhi\n\nthere", 200, "content-type=text/plain", "hi\n\nthere"),
            ("Content-Type:text/plain\r\n\r\nhi\r\n", 200, "content-type=text/plain", "hi\r\n"),
            ("status: 404 Not Found\n\n", 404, "", ""),
            ("status: 201\ncontent-type: a/b\n\n", 201, "content-type=a/b", ""),
            ("location: /x\n\n", 302, "location=/x", ""),
            ("location: /x\nstatus: 308\n\n", 308, "location=/x", ""),
            ("status: 200\nset-cookie: a=1\nset-cookie: b=2\n\n", 200, "set-cookie=a=1;set-cookie=b=2", ""),
            ("status: 200\ncontent-length: 2\n\nhi", 200, "content-length=2", "hi"),
        ] {
            assert_eq!(told(output), Ok((status, headers.to_owned(), body.to_owned())), "{output:?}");
        }
    }

    #[test]
    fn an_answer_that_is_none_is_told_apart() {
        for (output, why) in [
            ("", "no empty line follows its headers"),
            ("content-type: text/plain\n", "no empty line follows its headers"),
            ("Hello\n\nworld", "`Hello` is no header"),
            ("content type: x\n\n", "`content type: x` is no header"),
            ("content-type: a\u{1}b\n\n", "`content-type: a\\x01b` is no header"),
            ("x-own: 1\n\n", "it needs a header `content-type`, `location` or `status`"),
            ("status: fine\n\n", "`fine` is no status"),
            ("status: 101\n\n", "`101` is no status"),
            ("status: 200\ntransfer-encoding: chunked\n\n", "the header `transfer-encoding` is the server's to set"),
            ("status: 200\ncontent-length: 3\n\nhi", "its header `content-length` is not the length of its body"),
        ] {
            assert_eq!(told(output), Err(why.to_owned()), "{output:?}");
        }
    }
}
