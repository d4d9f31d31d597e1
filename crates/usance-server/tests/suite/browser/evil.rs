//! Scripts, tags and formulas planted in every text that somebody can write: each is shown as it was written, and nothing of
//! it ever runs, loads or becomes part of the page.
//!
//! Every payload that could run sets `window.planted`, or makes an element with the class `planted`; a listener that is there
//! before the page counts what the page's policy had to refuse, which has to be nothing: the policy is the second wall, and
//! this is about the first.

use super::super::harness::{Client, Server, Start};
use super::driver::{Chrome, Page, View, texts};
use super::scene::{PASSWORD, sign_in};
use serde_json::json;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

/// What a text may hold that a page might take for something else.
const PAYLOADS: [&str; 9] = [
    "<img class=planted src=x onerror=window.planted=1>",
    "\"><svg class=planted onload=window.planted=2>",
    "'><script class=planted>window.planted=3</script>",
    "</script></style></title></textarea><b class=planted onmouseover=window.planted=4>",
    "javascript:window.planted=5",
    "{{7*7}}${window.planted=6}{%if 1%}<%=7%>",
    "<a class=planted href=javascript:window.planted=7 hx-get=/assets hx-trigger=load>",
    "\u{645}\u{643}\u{633} reversed &lt;b&gt; &#60;i class=planted&#62;",
    "<!--<plaintext class=planted>--> <iframe class=planted srcdoc=\"<script>top.planted=8</script>\"> <base href=//evil.example>",
];

/// The signs that an id may have beside letters.
const ID: &str = "--.._-alert.1.-";
const AGREEMENT: &str = "..-v1";
const ASSET: &str = "-x.Y_z";

/// Counts refusals of the policy, and catches dialogs, before anything of a page runs.
const WATCH: &str = "window.refused = [];
    document.addEventListener('securitypolicyviolation', event => window.refused.push(event.violatedDirective + ' ' + event.blockedURI));
    window.alert = window.confirm = window.prompt = () => { window.planted = 'dialog'; };";

/// What a page shows that it should not.
const JUDGE: &str = "const found = [];
    if (window.planted !== undefined) found.push('a script ran: ' + window.planted);
    for (const one of window.refused ?? ['nobody watched']) found.push('refused: ' + one);
    for (const one of document.querySelectorAll('.planted, iframe, base, plaintext, object, embed')) found.push('an element: ' + one.outerHTML.slice(0, 80));
    for (const one of document.querySelectorAll('*')) for (const attribute of one.attributes) {
        if (attribute.name.startsWith('on')) found.push('a handler: ' + attribute.name);
        if (/^\\s*javascript:/i.test(attribute.value) && attribute.name !== 'value' && attribute.name !== 'title') found.push(attribute.name + '=' + attribute.value);
    }
    for (const one of document.querySelectorAll('script')) if (one.textContent.trim() || !one.src.startsWith(location.origin + '/static/')) found.push('a script: ' + one.outerHTML);
    return found;";

/// A platform on which everything is named by payloads.
struct Place {
    server: Server,
    products: Vec<(String, &'static str)>,
}

impl Place {
    fn new() -> Place {
        let server = Server::start(&Start { clock: "simulated:2026-02-20T09:30:00Z".into(), ..Start::default() });
        let place =
            Place { products: PAYLOADS.iter().enumerate().map(|(index, payload)| (format!("-p.{index}"), *payload)).collect(), server };
        let operator = place.server.operator();
        operator.post("/v1/operator/assets", json!({"symbol": ASSET, "name": PAYLOADS[0], "decimals": 9, "display_decimals": 4})).ok();
        for (index, payload) in PAYLOADS.iter().enumerate().skip(1) {
            let asset = json!({"symbol": format!("-a.{index}"), "name": payload, "decimals": 9, "display_decimals": 4});
            operator.post("/v1/operator/assets", asset).ok();
        }
        operator.post("/v1/operator/agreements", json!({"version": AGREEMENT, "text": PAYLOADS.join("\n")})).ok();
        operator.post("/v1/operator/customers", json!({"id": ID})).ok();
        operator.post(&format!("/v1/operator/customers/{ID}/password"), json!({"password": PASSWORD})).ok();
        for (index, payload) in PAYLOADS.iter().enumerate() {
            let reference: String = payload.chars().filter(char::is_ascii_graphic).chain(index.to_string().chars()).take(128).collect();
            let asset = if index == 0 { ASSET.to_owned() } else { format!("-a.{index}") };
            let deposit = json!({"customer": ID, "asset": asset, "account": "funding", "amount": "100", "reference": reference});
            operator.post("/v1/operator/deposits", deposit).ok();
        }
        for (id, payload) in &place.products {
            place.offer(&operator, id, payload);
        }
        operator.post("/v1/operator/clock", json!({"to": "2026-03-25T09:30:00Z"})).ok();
        place
    }

    fn offer(&self, operator: &Client, id: &str, payload: &str) {
        let product = json!({
            "id": id, "asset": ASSET, "name": payload, "kind": "fixed_term", "term_days": 30, "risk_notice": payload, "renewal": true,
            "rates": [{"from": "2026-02-20", "rate": "0.05"}],
        });
        operator.post("/v1/operator/products", product).ok();
        operator.post(&format!("/v1/operator/products/{id}/status"), json!({"status": "open"})).ok();
        let asked = json!({"product": id, "amount": "1", "source": "funding", "agreement": AGREEMENT});
        self.server.acting_for(ID).post("/v1/subscriptions", asked).ok();
    }
}

async fn watched(chrome: &Chrome, server: &Server, view: &View) -> Page {
    let page = chrome.open(view).await;
    page.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": WATCH})).await;
    page.goto(&format!("{}/sign-in", server.url)).await;
    page
}

/// What is wrong with the page that is open.
async fn faults(page: &Page, what: &str) -> Vec<String> {
    // What listens to a pointer or to the focus gets both.
    page.run("document.querySelectorAll('*').forEach(one => { one.dispatchEvent(new MouseEvent('mouseover', {bubbles: true})); one.open = true; })", vec![]).await;
    let mut found = texts(&page.run(JUDGE, vec![]).await);
    found.extend(page.console().await.into_iter().filter(|line| !line.contains("status of 4")));
    found.into_iter().map(|fault| format!("{what}: {fault}")).collect()
}

/// Whether a page shows a text as it was written: somewhere in its words, its fields or its title.
async fn shows(page: &Page, text: &str) -> bool {
    let script = "const words = [document.title, document.body.innerText, document.body.textContent,
            ...Array.from(document.querySelectorAll('input, option'), one => one.value + ' ' + one.textContent)].join(' ');
        const bare = text => text.replace(/[\\u2066-\\u2069\\u200b\\u202a-\\u202e\\s]+/g, '');
        return bare(words).includes(bare(arguments[0]));";
    page.run(script, vec![text.into()]).await == json!(true)
}

#[tokio::test]
async fn what_operators_write_is_shown_and_never_run() {
    let (place, chrome) = (Place::new(), Chrome::start());
    let page = watched(&chrome, &place.server, &View::PHONE).await;
    sign_in(&page, ID, PASSWORD).await;
    page.wait_for("a[href='/transfer']").await;
    let mut found = Vec::new();
    for (index, (id, payload)) in place.products.iter().enumerate() {
        let position = index + 1;
        for (path, shown) in [
            (format!("/products/{id}"), true),
            (format!("/products/{id}?amount=5"), true),
            (format!("/products/{id}/subscribe?amount=2&source=funding"), true),
            (format!("/holdings/{position}"), true),
            (format!("/products?asset={ASSET}"), true),
            ("/risks".to_owned(), false),
            ("/agreement".to_owned(), true),
            (format!("/agreements/{AGREEMENT}"), true),
        ] {
            page.goto(&path).await;
            found.extend(faults(&page, &path).await);
            if shown && !shows(&page, payload).await {
                found.push(format!("{path} does not show {payload:?}"));
            }
        }
    }
    for path in [
        "/assets",
        "/holdings",
        "/holdings?closed=1",
        "/history",
        "/history?kind=deposit",
        "/history/print",
        "/notices",
        "/acceptances",
        "/settings",
        "/settings/second-factor",
        "/transfer",
        &format!("/transfer?asset={ASSET}"),
        "/holdings/1/redeem?amount=1",
        "/products?sort=apr",
        "/docs",
    ] {
        page.goto(path).await;
        found.extend(faults(&page, path).await);
    }
    page.goto("/assets").await;
    for payload in PAYLOADS {
        if !shows(&page, payload).await {
            found.push(format!("/assets does not show the asset {payload:?}"));
        }
    }
    assert!(found.is_empty(), "{} faults\n{}", found.len(), found.join("\n"));
}

#[tokio::test]
async fn what_customers_and_strangers_send_is_shown_and_never_run() {
    let (place, chrome) = (Place::new(), Chrome::start());
    let page = watched(&chrome, &place.server, &View::DESK).await;
    let mut found = Vec::new();
    for payload in PAYLOADS {
        let query = serde_urlencoded::to_string([("x", payload)]).expect("a query");
        let escaped = query.trim_start_matches("x=").replace('+', "%20");
        for path in [
            format!("/sign-in/link?next={escaped}#{escaped}"),
            format!("/products?asset={escaped}&sort={escaped}"),
            format!("/products/{escaped}"),
            format!("/products/-p.0?amount={escaped}"),
            format!("/agreements/{escaped}"),
            format!("/nowhere/{escaped}?{escaped}#{escaped}"),
            format!("/v1/products/{escaped}"),
            format!("/docs?{escaped}"),
        ] {
            page.goto(&path).await;
            found.extend(faults(&page, &path).await);
        }
        page.goto("/sign-in").await;
        page.run("document.querySelector('[name=customer]').removeAttribute('maxlength'); document.querySelector('[name=customer]').value = arguments[0]", vec![payload.into()]).await;
        page.type_into("input[name=password]", "not this one").await;
        page.follow("main form button").await;
        page.wait_for(".fault").await;
        found.extend(faults(&page, "a customer id").await);
        if !shows(&page, payload).await {
            found.push(format!("the form does not keep {payload:?}"));
        }
        // A device calls itself what it likes.
        let client = place.server.public();
        let agent: String = payload.chars().filter(char::is_ascii).collect();
        let body = serde_urlencoded::to_string([("customer", ID), ("password", PASSWORD)]).expect("a form");
        let headers = [("user-agent", agent.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        assert_eq!(client.send("POST", "/sign-in", &headers, Some(body.as_bytes())).status, 303);
    }
    page.goto("/sign-in").await;
    sign_in(&page, ID, PASSWORD).await;
    page.wait_for("a[href='/transfer']").await;
    page.goto("/settings").await;
    found.extend(faults(&page, "the sessions").await);
    for payload in PAYLOADS.iter().filter(|payload| payload.is_ascii()) {
        if !shows(&page, payload).await {
            found.push(format!("the sessions do not show {payload:?}"));
        }
    }
    for payload in PAYLOADS {
        let query = serde_urlencoded::to_string([("x", payload)]).expect("a query");
        let escaped = query.trim_start_matches("x=").replace('+', "%20");
        for path in [
            format!("/history?asset={escaped}&from={escaped}&to={escaped}&kind={escaped}"),
            format!("/products/-p.0/subscribe?amount={escaped}&key={escaped}&shown={escaped}"),
            format!("/holdings/1/redeem?amount={escaped}&to={escaped}"),
            format!("/holdings/{escaped}"),
            format!("/receipts/{escaped}"),
            format!("/transfer?asset={escaped}&amount={escaped}&from={escaped}"),
            format!("/holdings?cursor={escaped}"),
        ] {
            page.goto(&path).await;
            found.extend(faults(&page, &path).await);
        }
        page.goto("/transfer").await;
        page.run(
            "const field = document.querySelector('#amount'); field.removeAttribute('maxlength'); field.value = arguments[0]",
            vec![payload.into()],
        )
        .await;
        page.follow("main form .bar button").await;
        page.wait_for(".fault").await;
        found.extend(faults(&page, "an amount").await);
    }
    assert!(found.is_empty(), "{} faults\n{}", found.len(), found.join("\n"));
}

/// The receipts of what was done under evil names, and what is asked for in parts while a page lies open.
#[tokio::test]
async fn receipts_and_parts_of_pages_are_text_too() {
    let (place, chrome) = (Place::new(), Chrome::start());
    let page = watched(&chrome, &place.server, &View::DESK).await;
    sign_in(&page, ID, PASSWORD).await;
    page.wait_for("a[href='/transfer']").await;
    let mut found = Vec::new();
    for (id, payload) in &place.products {
        page.goto(&format!("/products/{id}/subscribe?amount=2&source=funding")).await;
        // The part that changes, as a script fetches it.
        page.type_into("#amount", "3").await;
        page.wait_text("#summary", &format!("3 {ASSET}")).await;
        page.wait_for("#confirm .bar button:enabled").await;
        found.extend(faults(&page, "a part").await);
        page.click("input[name=agreement]").await;
        page.follow("#confirm .bar button").await;
        page.wait_for("main h1").await;
        found.extend(faults(&page, "a receipt").await);
        if !shows(&page, payload).await {
            found.push(format!("{} does not show {payload:?}", page.url().await));
        }
    }
    assert!(page.url().await.contains("/receipts/"));
    assert!(found.is_empty(), "{} faults\n{}", found.len(), found.join("\n"));
}

/// After signing out, the way back shows nothing of what was seen before.
#[tokio::test]
async fn the_way_back_after_signing_out_shows_nothing() {
    let (place, chrome) = (Place::new(), Chrome::start());
    let page = watched(&chrome, &place.server, &View::DESK).await;
    sign_in(&page, ID, PASSWORD).await;
    page.wait_for("a[href='/transfer']").await;
    page.goto("/holdings/1").await;
    page.goto("/settings").await;
    page.follow("form[action='/sign-out'] button").await;
    page.wait_for("input[name=password]").await;
    for _ in 0..3 {
        page.run("history.back()", vec![]).await;
        page.wait_for(".who a[href='/sign-in'], input[name=password]").await;
        let text = page.text("body").await;
        assert!(!text.contains(ID), "{} shows {text}", page.url().await);
    }
}

/// Serves one page that holds a frame of each address, from another port, which is another origin; and a page to be framed.
fn another_site(framed: &[String]) -> (String, std::thread::JoinHandle<()>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let frames: String = framed.iter().map(|address| format!("<iframe src=\"{address}\"></iframe>")).collect();
    // A connection of our own, whose end tells the thread to end.
    let end = TcpStream::connect(address).expect("connected");
    let (first, _) = listener.accept().expect("ours");
    listener.set_nonblocking(true).expect("it does not wait");
    first.set_nonblocking(true).expect("it does not wait");
    let serve = move || {
        while !matches!((&first).read(&mut [0; 1]), Ok(0)) {
            let Ok((mut stream, _)) = listener.accept() else {
                std::thread::sleep(std::time::Duration::from_millis(5));
                continue;
            };
            stream.set_nonblocking(false).expect("it waits");
            let mut asked = [0; 2048];
            let length = stream.read(&mut asked).unwrap_or(0);
            let is_framed = String::from_utf8_lossy(&asked[..length]).starts_with("GET /framed");
            let body = if is_framed { "<p>framed" } else { frames.as_str() };
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            // Whoever does not want it any more is gone.
            let _ = stream.write_all((head + body).as_bytes());
        }
    };
    (format!("http://{address}"), std::thread::spawn(serve), end)
}

/// The page of another site may hold ours in a frame: the browser shows nothing of it.
#[tokio::test]
async fn no_page_is_shown_in_a_frame() {
    let (place, chrome) = (Place::new(), Chrome::start());
    let page = watched(&chrome, &place.server, &View::DESK).await;
    sign_in(&page, ID, PASSWORD).await;
    page.wait_for("a[href='/transfer']").await;
    let ours = ["/assets", "/sign-in", "/settings", "/products/-p.0", "/docs", "/v1/clock", "/nowhere"];
    let mut framed: Vec<String> = ours.iter().map(|path| format!("{}{path}", place.server.url)).collect();
    framed.push("/framed".into());
    let (site, thread, end) = another_site(&framed);
    page.goto(&site).await;
    let tree = page.devtools("Page.getFrameTree", json!({})).await;
    let frames = tree["frameTree"]["childFrames"].as_array().expect("frames").clone();
    assert_eq!(frames.len(), framed.len());
    for frame in frames {
        let (address, refused) = (frame["frame"]["url"].as_str().expect("text"), frame["frame"]["unreachableUrl"].as_str());
        // What may be framed is, so the others are refused for what they say themselves.
        assert_eq!(refused.is_none(), address.ends_with("/framed"), "{frame}");
    }
    drop(end);
    thread.join().expect("it has ended");
}
