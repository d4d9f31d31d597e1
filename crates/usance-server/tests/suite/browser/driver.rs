//! A real browser, driven from a test: [`Chrome`] owns the driver process, [`Page`] is one browser with a profile of its own.
//!
//! Whatever goes wrong panics and says where the browser was and what it showed; no method answers with a `Result`. What a
//! method needs on the page is waited for, so no test sleeps. Nothing leaves the machine: every name but the loopback's
//! resolves to nothing. Nothing is left behind either: all processes hang on one pipe that this process holds, so they end
//! when [`Chrome`] and its pages are dropped, when a test panics, and when the whole test binary is killed.
//!
//! Judging a page is not done here: `axe.rs` asks for its accessibility, `layout.rs` for its layout.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use thirtyfour::common::command::FormatRequestData;
use thirtyfour::error::WebDriverErrorInner;
use thirtyfour::prelude::*;
use thirtyfour::{LoggingPrefsLogLevel, RequestData, SessionId};

/// How long something may take to appear on a page before the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// Between two looks at a page.
const PAUSE: Duration = Duration::from_millis(25);

/// How much of a page's text a failure shows, in characters.
const SHOWN_MAX: usize = 2_000;

/// Runs the driver in a process group of its own and kills that group when the driver ends, or when the pipe that is its
/// standard input closes: the kernel closes it however this process ends. Then the folder goes too.
const WATCH: &str = r#"
{ "$0" --port=0 </dev/null 2>&1; kill -KILL 0; } &
exec >/dev/null
read -r _
rm -rf "$1"
kill -KILL 0
"#;

/// What the driver prints before its port.
const STARTED: &str = "started successfully on port ";

/// Root in a container needs the first three; the others keep the browser from asking its maker for anything and from starting
/// processes that nobody asked for, and the last one makes sure of the first of that.
const FLAGS: [&str; 16] = [
    "--headless",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-extensions",
    "--disable-default-apps",
    "--disable-component-update",
    "--disable-background-networking",
    "--disable-domain-reliability",
    "--disable-client-side-phishing-detection",
    "--disable-features=OptimizationHints,Translate,MediaRouter,AutofillServerCommunication,NetworkTimeServiceQuerying,PreloadTopChromeWebUI,SpareRendererForSitePerProcess",
    "--no-first-run",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
];

/// A JavaScript function that names an element to a person; shared by every script that reports one.
pub const DESCRIBE: &str = r##"
const describe = element => {
    const name = element.getAttribute("name");
    const words = (element.innerText || element.getAttribute("aria-label") || element.placeholder || "").trim().replace(/\s+/g, " ");
    return element.tagName.toLowerCase() + (element.id ? "#" + element.id : "")
        + Array.from(element.classList, one => "." + one).join("") + (name ? "[name=" + name + "]" : "")
        + (words ? " “" + words.slice(0, 40) + "”" : "");
};
"##;

/// A program on the search path, or in the folder where Debian puts it: a bare environment may lack a search path.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/bin")]);
    folders.find_map(|folder| {
        let file = folder.join(name);
        let found = std::fs::metadata(&file).is_ok_and(|entry| entry.is_file() && entry.permissions().mode() & 0o111 != 0);
        found.then_some(file)
    })
}

/// The same, where there is no test without it.
fn needed(name: &str) -> PathBuf {
    program(name).unwrap_or_else(|| panic!("{name} is missing: apt-get install --no-install-recommends chromium chromium-driver"))
}

/// How a visitor looks at the pages.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// Ends the names of its screenshots and stands in every failure.
    pub name: &'static str,
    /// Of the viewport, in CSS pixels; a bar for scrolling lies inside.
    pub width: u32,
    /// Of the viewport, in CSS pixels.
    pub height: u32,
    /// A telephone: touch, the page's own viewport, no bars for scrolling, two device pixels to a CSS pixel.
    pub mobile: bool,
    /// Prefers a dark page.
    pub dark: bool,
    /// Runs the page's scripts. Ours run in any case.
    pub script: bool,
    /// Languages by preference, as `de-CH,de`; the first one also formats numbers and dates.
    pub language: &'static str,
    /// Prefers a page that does not move.
    pub reduced_motion: bool,
}

impl View {
    /// A window on a desk.
    pub const DESK: View = View {
        name: "desk",
        width: 1280,
        height: 800,
        mobile: false,
        dark: false,
        script: true,
        language: "en-US,en",
        reduced_motion: false,
    };
    /// A telephone held upright.
    pub const PHONE: View = View { name: "phone", width: 390, height: 844, mobile: true, ..View::DESK };
}

/// The driver process and everything it started. Ends when the last one who holds it is gone.
struct Driver {
    /// The shell that runs [`WATCH`]; we hold its standard input.
    watch: Child,
    /// Ends when nobody can write to us any more.
    drain: JoinHandle<()>,
    /// On the loopback.
    port: u16,
    /// Home and temporary folder of all of it, so that nothing is written elsewhere.
    folder: TempDir,
}

impl Drop for Driver {
    fn drop(&mut self) {
        drop(self.watch.stdin.take());
        // The watch kills itself last and cannot fail to; were it gone already, there would be nothing to wait for.
        let _ = self.watch.wait();
        // They all hold the other end of this pipe: at its end the last one is gone, and the folder is ours to remove.
        let until = Instant::now() + PATIENCE;
        while !self.drain.is_finished() && Instant::now() < until {
            std::thread::sleep(PAUSE);
        }
    }
}

/// One driver process, which serves as many pages as are opened, also at the same time.
pub struct Chrome {
    /// Shared with every page, so that no page loses its driver.
    driver: Arc<Driver>,
}

impl Chrome {
    /// Starts the driver on a port that it picks itself, so that no two ever want the same.
    pub fn start() -> Chrome {
        let folder = tempfile::Builder::new().prefix("usance-browser-").tempdir().expect("a folder");
        let mut command = Command::new("/bin/sh");
        command.args(["-c", WATCH]).arg(needed("chromedriver")).arg(folder.path()).process_group(0);
        for home in ["HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"] {
            command.env(home, folder.path());
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut watch = command.spawn().expect("a shell");
        let mut lines = BufReader::new(watch.stdout.take().expect("piped"));
        let mut said = String::new();
        let port = loop {
            let before = said.len();
            let read = lines.read_line(&mut said).expect("words of the driver");
            assert!(read > 0, "chromedriver does not start: {said}");
            if let Some((_, port)) = said[before..].split_once(STARTED) {
                break port.trim_end().trim_end_matches('.').parse().expect("a port");
            }
        };
        // Read to the end, so that the driver never waits for a reader; nobody needs to see it.
        let drain = std::thread::spawn(move || drop(std::io::copy(&mut lines, &mut std::io::sink())));
        Chrome { driver: Arc::new(Driver { watch, drain, port, folder }) }
    }

    /// Opens a browser with an empty profile.
    pub async fn open(&self, view: &View) -> Page {
        let profile = TempDir::new_in(self.driver.folder.path()).expect("a folder");
        let session = self.session(view, profile.path()).await.unwrap_or_else(|error| panic!("no browser for {}: {error}", view.name));
        let page = Page { session, view: *view, driver: Arc::clone(&self.driver), _profile: profile };
        page.emulate().await;
        page
    }

    /// Everything that has to be said before the browser starts.
    async fn session(&self, view: &View, profile: &Path) -> WebDriverResult<WebDriver> {
        let mut wishes = DesiredCapabilities::chrome();
        wishes.set_binary(&needed("chromium").to_string_lossy())?;
        for flag in FLAGS {
            wishes.add_arg(flag)?;
        }
        wishes.add_arg(&format!("--user-data-dir={}", profile.display()))?;
        wishes.add_arg(&format!("--window-size={},{}", view.width, view.height))?;
        // Not `--lang`, which on Linux says nothing to a server.
        wishes.add_arg(&format!("--accept-lang={}", view.language))?;
        wishes.set_browser_log_level(LoggingPrefsLogLevel::All)?;
        if view.mobile {
            // A touch is answered by script of the browser's own, which never comes where scripts are off.
            let metrics = json!({"width": view.width, "height": view.height, "pixelRatio": 2.0, "touch": view.script, "mobile": true});
            wishes.add_experimental_option("mobileEmulation", json!({"deviceMetrics": metrics}))?;
        }
        WebDriver::new(format!("http://127.0.0.1:{}", self.driver.port), wishes).await
    }
}

/// A command of Chrome's own, which the driver passes on.
#[derive(Debug)]
struct DevTools {
    /// Such as `Page.captureScreenshot`.
    command: &'static str,
    /// An object, as the protocol has it.
    words: Value,
}

impl FormatRequestData for DevTools {
    fn format_request(&self, session: &SessionId) -> RequestData {
        RequestData::new("POST".parse().expect("a method"), format!("session/{session}/goog/cdp/execute"))
            .add_body(json!({"cmd": self.command, "params": self.words}))
    }
}

/// The kernel of an error, without the driver's addresses.
fn brief(error: WebDriverError) -> String {
    error.to_string().split("Stacktrace").next().unwrap_or("").trim().to_owned()
}

/// A browser with one tab. Methods that name an element take a CSS selector, wait for it, and mean the first that matches.
pub struct Page {
    /// Ended by us, see [`Drop`].
    session: WebDriver,
    /// How it looks at the pages.
    pub view: View,
    /// Has to outlive the session.
    driver: Arc<Driver>,
    /// Removed once the session has ended.
    _profile: TempDir,
}

impl Page {
    /// What no flag can say. It holds for this tab, on every page that it visits.
    async fn emulate(&self) {
        let View { width, height, dark, reduced_motion, .. } = self.view;
        if !self.view.mobile {
            // A window of this size would show less: its frame counts, and none is narrower than 500.
            let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
            self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
        }
        let scheme = json!({"name": "prefers-color-scheme", "value": if dark { "dark" } else { "light" }});
        let motion = json!({"name": "prefers-reduced-motion", "value": if reduced_motion { "reduce" } else { "no-preference" }});
        self.devtools("Emulation.setEmulatedMedia", json!({"features": [scheme, motion]})).await;
        let first = self.view.language.split(',').next();
        self.devtools("Emulation.setLocaleOverride", json!({"locale": first})).await;
        self.restore_scripts().await;
    }

    /// Lets the page's scripts, timers and promises run for now, whatever the view says. [`Page::run`] works without this,
    /// but nothing that it leaves for later does.
    pub async fn allow_scripts(&self) {
        self.devtools("Emulation.setScriptExecutionDisabled", json!({"value": false})).await;
    }

    /// Forbids them again where the view does.
    pub async fn restore_scripts(&self) {
        self.devtools("Emulation.setScriptExecutionDisabled", json!({"value": !self.view.script})).await;
    }

    /// Asks Chrome itself, in words of the DevTools protocol.
    pub async fn devtools(&self, command: &'static str, words: Value) -> Value {
        let answer = self.session.cmd(DevTools { command, words }).await.and_then(|answer| answer.value_json());
        self.sure(command, answer).await
    }

    /// Opens an address, or a path of the site it is on, and waits until the page has loaded.
    pub async fn goto(&self, target: &str) {
        let here = self.session.current_url().await;
        let here = self.sure("tell the address", here).await;
        let address = if target.starts_with('/') { here.join(target).map(String::from) } else { Ok(target.to_owned()) };
        let address = address.unwrap_or_else(|_| panic!("a path needs a site, so the first address must be whole: {target}"));
        let opened = self.session.goto(address).await;
        self.sure(target, opened).await;
    }

    /// Where it is.
    pub async fn url(&self) -> String {
        let here = self.session.current_url().await;
        self.sure("tell the address", here).await.into()
    }

    /// Clicks, as soon as the element is there and nothing lies over it.
    pub async fn click(&self, css: &str) {
        let attempt = async || {
            let element = self.find(css).await?;
            // As a person does: into the middle, away from bars that stay at an edge.
            let middle = "arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' })";
            self.session.execute(middle, vec![element.to_json().map_err(brief)?]).await.map_err(brief)?;
            element.click().await.map_err(brief)
        };
        self.until(&format!("click {css}"), attempt).await;
    }

    /// Clicks what leads to another page, and waits until that page stands in the place of this one: what is read next is
    /// the answer, also where the page before it looked the same.
    pub async fn follow(&self, css: &str) {
        let before = self.until("find the page", async || self.find("html").await).await.element_id();
        self.click(css).await;
        let attempt = async || match self.find("html").await?.element_id() == before {
            true => Err("it is the same page still".to_owned()),
            false => Ok(()),
        };
        self.until(&format!("come to the page behind {css}"), attempt).await;
    }

    /// Replaces what a field holds, by keys.
    pub async fn type_into(&self, css: &str, text: &str) {
        let attempt = async || {
            let field = self.find(css).await?;
            field.clear().await.map_err(brief)?;
            field.send_keys(text).await.map_err(brief)
        };
        self.until(&format!("type into {css}"), attempt).await;
    }

    /// The text that a visitor sees of an element: without the signs that keep directions apart, which nobody sees.
    pub async fn text(&self, css: &str) -> String {
        self.until(&format!("read {css}"), async || self.find(css).await?.text().await.map(seen).map_err(brief)).await
    }

    /// Whether it is there now, seen or not. Waits for nothing.
    pub async fn exists(&self, css: &str) -> bool {
        let found = self.session.find_all(By::Css(css)).await;
        !self.sure(css, found).await.is_empty()
    }

    /// Waits until an element is there and can be seen.
    pub async fn wait_for(&self, css: &str) {
        self.wait_for_within(css, PATIENCE).await;
    }

    /// Waits until an element is there and can be seen, no longer than this.
    pub async fn wait_for_within(&self, css: &str, patience: Duration) {
        let attempt = async || match self.find(css).await?.is_displayed().await.map_err(brief)? {
            true => Ok(()),
            false => Err("it is there and cannot be seen".to_owned()),
        };
        self.until_within(&format!("see {css}"), patience, attempt).await;
    }

    /// Waits until the text of an element contains these words.
    pub async fn wait_text(&self, css: &str, words: &str) {
        let attempt = async || {
            let text = self.find(css).await?.text().await.map(seen).map_err(brief)?;
            if text.contains(words) { Ok(()) } else { Err(format!("it says {text:?}")) }
        };
        self.until(&format!("read {words:?} in {css}"), attempt).await;
    }

    /// Runs the body of a JavaScript function on the page, and answers with what it returns.
    pub async fn run(&self, script: &str, words: Vec<Value>) -> Value {
        let returned = self.session.execute(script, words).await.map(|returned| returned.json().clone());
        self.sure("run a script", returned).await
    }

    /// The same for a function that answers later, through the function that is its last argument.
    pub async fn run_until_called(&self, script: &str, words: Vec<Value>) -> Value {
        let returned = self.session.execute_async(script, words).await.map(|returned| returned.json().clone());
        self.sure("run a script", returned).await
    }

    /// Writes the whole page, however tall, as `NAME-VIEW.png`.
    pub async fn screenshot(&self, folder: &Path, name: &str) -> PathBuf {
        let words = json!({"format": "png", "captureBeyondViewport": true, "optimizeForSpeed": true});
        let shot = self.devtools("Page.captureScreenshot", words).await;
        self.keep(folder, name, &decode(shot["data"].as_str().unwrap_or("")))
    }

    /// One place that names pictures, so that the same page in two views makes two files.
    fn keep(&self, folder: &Path, name: &str, picture: &[u8]) -> PathBuf {
        let file = folder.join(format!("{name}-{}.png", self.view.name));
        std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&file, picture)).expect("a picture can be written");
        file
    }

    /// Everything that the browser said about the page since the last call: errors, refused loads, the page's own words.
    /// What is loaded after the page, such as its icon, is told a moment later.
    pub async fn console(&self) -> Vec<String> {
        let entries = self.session.browser_log().await;
        let entries = self.sure("read the console", entries).await;
        entries.into_iter().map(|entry| format!("{} {} {}", entry.level, entry.source.unwrap_or_default(), entry.message)).collect()
    }

    /// What this page asked for elsewhere than at `http://HOST:PORT`: also what never came, and what its own policy refused.
    pub async fn external_requests(&self, origin: &str) -> Vec<String> {
        let script = "const loads = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
            const names = loads.map(load => load.name).filter(name => new URL(name).origin !== arguments[0] && !name.startsWith('data:'));
            return Array.from(new Set(names));";
        texts(&self.run(script, vec![origin.into()]).await)
    }

    /// Presses keys together and lets them go: `&[Key::Tab]`, or `&[Key::Shift, Key::Tab]` for the way back.
    pub async fn press(&self, keys: &[Key]) {
        let down = keys.iter().fold(self.session.action_chain(), |chain, key| chain.key_down(key.value()));
        let pressed = keys.iter().rev().fold(down, |chain, key| chain.key_up(key.value())).perform().await;
        self.sure("press a key", pressed).await;
    }

    /// Names the element that has the focus, `body` when none has.
    pub async fn focused(&self) -> String {
        let script = format!("{DESCRIBE} const one = document.activeElement; return one === document.body ? 'body' : describe(one);");
        self.run(&script, Vec::new()).await.as_str().unwrap_or("").to_owned()
    }

    /// Looks once. That nothing is there is the common case, and the driver's own words for it are long.
    async fn find(&self, css: &str) -> Result<WebElement, String> {
        self.session.find(By::Css(css)).await.map_err(|error| match *error {
            WebDriverErrorInner::NoSuchElement(_) => "it is not there".to_owned(),
            _ => brief(error),
        })
    }

    /// The patience of every method that takes none.
    async fn until<T>(&self, what: &str, attempt: impl AsyncFnMut() -> Result<T, String>) -> T {
        self.until_within(what, PATIENCE, attempt).await
    }

    /// Tries until it works: pages change under our hands, so an element that was just replaced is simply looked up again.
    async fn until_within<T>(&self, what: &str, patience: Duration, mut attempt: impl AsyncFnMut() -> Result<T, String>) -> T {
        let until = Instant::now() + patience;
        loop {
            match attempt().await {
                Ok(done) => return done,
                Err(why) if Instant::now() >= until => self.fail(&format!("{what} within {patience:?}"), &why).await,
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// For what cannot fail on a sound page, and so is not tried twice.
    async fn sure<T>(&self, what: &str, outcome: WebDriverResult<T>) -> T {
        match outcome {
            Ok(done) => done,
            Err(error) => self.fail(what, &brief(error)).await,
        }
    }

    /// Ends the test with everything that helps to see why.
    async fn fail(&self, what: &str, why: &str) -> ! {
        let here = self.session.current_url().await.map_or_else(brief, String::from);
        let shown = match self.session.find(By::Css("body")).await {
            Ok(body) => body.text().await.unwrap_or_else(brief),
            Err(error) => brief(error),
        };
        let shown: String = shown.chars().take(SHOWN_MAX).collect();
        panic!("could not {what}: {why}\nview: {}\nat: {here}\nthe page shows:\n{shown}", self.view.name)
    }
}

impl Drop for Page {
    /// Ends the browser. By hand, because thirtyfour would send this through connections that a runtime of one thread,
    /// which is waiting right here, has to serve.
    fn drop(&mut self) {
        let id = self.session.session_id().to_string();
        // It can only be told once, and nobody else does.
        let _ = self.session.clone().leak();
        let end = || -> std::io::Result<()> {
            let mut stream = TcpStream::connect(("127.0.0.1", self.driver.port))?;
            stream.set_read_timeout(Some(PATIENCE))?;
            write!(stream, "DELETE /session/{id} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
            // It answers when the browser is gone, and then keeps the connection whatever it was asked.
            stream.read(&mut [0; 1024]).map(drop)
        };
        // A browser that does not end by this ends with the driver.
        let _ = end();
    }
}

/// Text without the isolates of Unicode.
fn seen(text: String) -> String {
    text.chars().filter(|letter| !('\u{2066}'..='\u{2069}').contains(letter)).collect()
}

/// A list of strings.
pub fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().map(|text| text.as_str().unwrap_or("").to_owned()).collect()
}

/// Base64 as RFC 4648 has it, section 4; Chrome sends its pictures so.
fn decode(text: &str) -> Vec<u8> {
    let sextet = |letter: u8| match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => panic!("{letter} is no letter of base64"),
    };
    let letters = text.trim_end_matches('=').as_bytes();
    let mut picture = Vec::with_capacity(letters.len() / 4 * 3 + 2);
    for four in letters.chunks(4) {
        let bits = four.iter().zip([18, 12, 6, 0]).fold(0, |bits, (letter, shift)| bits | u32::from(sextet(*letter)) << shift);
        picture.extend_from_slice(&bits.to_be_bytes()[1..four.len()]);
    }
    picture
}
