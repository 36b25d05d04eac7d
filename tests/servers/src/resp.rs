//! As much of the protocol of Redis as one command needs.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// Sends one command and returns its reply.
pub(crate) fn ask(port: u16, password: Option<&str>, command: &[&str]) -> Result<String, String> {
    let asked = || -> io::Result<Result<String, String>> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let mut replies = BufReader::new(stream.try_clone()?);
        if let Some(password) = password {
            stream.write_all(&encoded(&["AUTH", password]))?;
            if let Err(refused) = reply(&mut replies)? {
                return Ok(Err(refused));
            }
        }
        stream.write_all(&encoded(command))?;
        reply(&mut replies)
    };
    asked().map_err(|error| error.to_string()).flatten()
}

fn encoded(command: &[&str]) -> Vec<u8> {
    let parts = command.iter().map(|part| format!("${}\r\n{part}\r\n", part.len()));
    format!("*{}\r\n{}", command.len(), parts.collect::<String>()).into_bytes()
}

/// The outer error is the connection's, the inner one the server's.
fn reply(from: &mut impl BufRead) -> io::Result<Result<String, String>> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    let line = line.trim_end();
    let Some(kind) = line.chars().next() else { return Err(io::ErrorKind::UnexpectedEof.into()) };
    let rest = &line[kind.len_utf8()..];
    let length = || rest.parse::<i64>().map_err(|error| io::Error::other(format!("{line}: {error}")));
    match kind {
        '+' | ':' => Ok(Ok(rest.to_owned())),
        '-' => Ok(Err(rest.to_owned())),
        '$' => {
            let Ok(length) = usize::try_from(length()?) else { return Ok(Ok(String::new())) };
            let mut bytes = vec![0; length + 2];
            from.read_exact(&mut bytes)?;
            bytes.truncate(length);
            Ok(Ok(String::from_utf8_lossy(&bytes).into_owned()))
        }
        '*' => {
            let mut lines = Vec::new();
            for _ in 0..length()? {
                lines.push(reply(from)?);
            }
            Ok(lines.into_iter().collect::<Result<Vec<_>, _>>().map(|lines| lines.join("\n")))
        }
        _ => Err(io::Error::other(format!("not a reply: {line}"))),
    }
}
