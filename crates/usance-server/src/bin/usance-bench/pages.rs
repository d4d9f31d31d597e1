//! What a page costs: CPU of the engine per page, on the sample platform with a year of history.

use crate::http::{Engine, length};
use crate::measure::cpu_of;
use anyhow::{Context, bail};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

const PAGES: [&str; 11] = [
    "/assets",
    "/products",
    "/products/sol-30",
    "/products/sol-30/subscribe?amount=12.5",
    "/holdings",
    "/holdings/1",
    "/holdings/1/redeem?amount=1",
    "/history",
    "/notices",
    "/settings",
    "/sign-in",
];

/// Asks for every page over one connection for some time each.
pub fn run(binary: &Path, seconds: u64) -> anyhow::Result<()> {
    println!("\npages of a sample customer, one connection, {seconds} s each (aim: 5 ms of CPU a page)");
    let directory = tempfile::tempdir()?;
    let (engine, address) = Engine::start(binary, &["demo", "--customer-rate", "1000000", "--history-rate", "1000000"], directory.path())?;
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let form = "customer=alice";
    let sign_in = format!(
        "POST /sign-in/sample HTTP/1.1\r\nHost: bench\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    );
    let answer = ask(&mut stream, &sign_in)?;
    let head = String::from_utf8_lossy(&answer).into_owned();
    let cookie = head.split("set-cookie: ").nth(1).and_then(|rest| rest.split(';').next()).context("a session")?.to_owned();
    let process = engine.0.id().to_string();
    for path in PAGES.into_iter().chain(["/healthz"]) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: bench\r\nCookie: {cookie}\r\n\r\n");
        // Nobody who signs in is sent to sign in.
        let request = if path == "/sign-in" { request.replace(&cookie, "none=1") } else { request };
        let (cpu, until) = (cpu_of(&process), Instant::now() + Duration::from_secs(seconds));
        let (mut count, mut bytes) = (0u32, 0);
        while Instant::now() < until {
            let answer = ask(&mut stream, &request)?;
            if !answer.starts_with(b"HTTP/1.1 200") {
                bail!("{path}: {}", String::from_utf8_lossy(&answer));
            }
            (count, bytes) = (count + 1, answer.len());
        }
        let cpu = cpu_of(&process).saturating_sub(cpu);
        println!("  {path}: {:.3} ms of CPU, {bytes} bytes", cpu.as_secs_f64() * 1e3 / f64::from(count.max(1)));
    }
    Ok(())
}

fn ask(stream: &mut TcpStream, request: &str) -> anyhow::Result<Vec<u8>> {
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    let mut buffer = [0; 65536];
    while length(&answer).is_none_or(|length| answer.len() < length) {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            bail!("the engine hung up");
        }
        answer.extend_from_slice(&buffer[..read]);
    }
    Ok(answer)
}
