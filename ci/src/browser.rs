//! A headless Chromium, driven over its debugging pipe: real keys, real layout, and every error that the page's script reports.
//! The pipe needs neither a port nor a library for web sockets: messages are JSON, each ended by a zero byte.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The program, as Debian calls it.
const PROGRAM: &str = "chromium";
/// Longest wait for one answer: the first start of a browser on a busy machine is slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// Without them it looks for updates, keys and hosts of its maker, which no check may depend on. No sandbox: CI runs as root.
const SWITCHES: [&str; 11] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
];

/// A browser with one page.
pub(crate) struct Browser {
    child: Child,
    commands: File,
    messages: Receiver<Value>,
    session: Option<String>,
    last_id: u64,
    /// What the page did wrong since it was last asked.
    complaints: Vec<String>,
    // Last: the profile goes when the browser has ended.
    _folder: TempDir,
}

impl Browser {
    /// Starts it with a profile of its own and an empty page.
    ///
    /// # Errors
    /// It is not installed, or does not answer.
    pub(crate) fn start() -> Result<Self> {
        let installed =
            Command::new(PROGRAM).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !installed.is_ok_and(|status| status.success()) {
            bail!("`{PROGRAM}` is not installed or does not start; `ci/install.sh --for test` installs it");
        }
        let folder = tempfile::tempdir().context("failed to make a folder for the browser")?;
        let (input, output) = (folder.path().join("in"), folder.path().join("out"));
        let made =
            Command::new("mkfifo").args([&input, &output]).status().context("failed to start mkfifo")?;
        if !made.success() {
            bail!("mkfifo made no pipes in {}", folder.path().display());
        }
        // The browser reads commands from descriptor 3 and writes to 4; it ends with this program, however that ends.
        let script = format!("exec setpriv --pdeathsig KILL -- {PROGRAM} \"$@\" 3<\"$0/in\" 4>\"$0/out\"");
        let child = Command::new("sh")
            .args(["-c", &script])
            .arg(folder.path())
            .args(SWITCHES)
            .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("failed to start the browser")?;
        let commands =
            File::options().write(true).open(&input).context("failed to open the browser's pipe")?;
        let messages = listen(File::open(&output).context("failed to open the browser's pipe")?);
        let mut browser = Self {
            child,
            commands,
            messages,
            session: None,
            last_id: 0,
            complaints: Vec::new(),
            _folder: folder,
        };
        let target = browser.ask("Target.createTarget", &json!({"url": "about:blank"}))?;
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let attached = browser.ask("Target.attachToTarget", &attach)?;
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Network", "Log"] {
            browser.ask(&format!("{domain}.enable"), &json!({}))?;
        }
        Ok(browser)
    }

    /// Loads the page anew, and waits until its script says that it is ready. Gives what that says: milliseconds since the
    /// navigation.
    ///
    /// # Errors
    /// It is not ready in time.
    pub(crate) fn load(&mut self, page: &Path, hash: &str) -> Result<u64> {
        self.ask("Page.navigate", &json!({"url": "about:blank"}))?;
        let url = format!("file://{}{hash}", page.display());
        self.ask("Page.navigate", &json!({"url": url}))?;
        self.wait_for("document.documentElement?.dataset.ready !== undefined")?;
        let ready = self.text("document.documentElement.dataset.ready")?;
        ready.parse().with_context(|| format!("the page says `{ready}` instead of milliseconds"))
    }

    /// Waits until the expression is true.
    ///
    /// # Errors
    /// It does not become true in time.
    pub(crate) fn wait_for(&mut self, expression: &str) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if self.value(expression)? == true {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(30));
        }
        bail!("`{expression}` did not become true; the page says: {}", self.complaints.join("; "))
    }

    /// What an expression of the page's script comes to.
    ///
    /// # Errors
    /// It throws.
    pub(crate) fn value(&mut self, expression: &str) -> Result<Value> {
        let asked = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.ask("Runtime.evaluate", &asked)?;
        if let Some(details) = answer.get("exceptionDetails") {
            bail!("`{expression}` throws: {}", thrown(details));
        }
        Ok(answer["result"]["value"].clone())
    }

    /// The same of an expression that is text.
    ///
    /// # Errors
    /// It throws, or is no text.
    pub(crate) fn text(&mut self, expression: &str) -> Result<String> {
        let value = self.value(expression)?;
        value.as_str().map(str::to_owned).with_context(|| format!("`{expression}` is {value}, and no text"))
    }

    /// Presses and releases a key: a character, or the name of another key.
    ///
    /// # Errors
    /// The browser does not answer.
    pub(crate) fn press(&mut self, key: &str) -> Result<()> {
        let code = match key {
            "Enter" => 13,
            "Tab" => 9,
            "Escape" => 27,
            "End" => 35,
            "Home" => 36,
            "ArrowLeft" => 37,
            "ArrowUp" => 38,
            "ArrowRight" => 39,
            "ArrowDown" => 40,
            character => character.to_uppercase().bytes().next().map_or(0, u32::from),
        };
        let mut down = json!({"type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": code});
        match key {
            "Enter" => down["text"] = json!("\r"),
            character if character.chars().count() == 1 => down["text"] = json!(character),
            _ => {}
        }
        self.ask("Input.dispatchKeyEvent", &down)?;
        let up = json!({"type": "keyUp", "key": key, "code": key, "windowsVirtualKeyCode": code});
        self.ask("Input.dispatchKeyEvent", &up).map(|_| ())
    }

    /// Size of the window, in CSS pixels.
    ///
    /// # Errors
    /// The browser does not answer.
    pub(crate) fn resize(&mut self, width: u32, height: u32) -> Result<()> {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.ask("Emulation.setDeviceMetricsOverride", &size).map(|_| ())
    }

    /// `light` or `dark`, as the system would say.
    ///
    /// # Errors
    /// The browser does not answer.
    pub(crate) fn colours(&mut self, scheme: &str) -> Result<()> {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.ask("Emulation.setEmulatedMedia", &json!({"media": "", "features": features})).map(|_| ())
    }

    /// Lays the page out as for paper, or again as for a screen.
    ///
    /// # Errors
    /// The browser does not answer.
    pub(crate) fn on_paper(&mut self, is_paper: bool) -> Result<()> {
        let media = if is_paper { "print" } else { "" };
        self.ask("Emulation.setEmulatedMedia", &json!({"media": media, "features": []})).map(|_| ())
    }

    /// What is on the screen, as PNG.
    ///
    /// # Errors
    /// It can't be taken or written.
    pub(crate) fn screenshot(&mut self, file: &Path) -> Result<()> {
        // Two frames later everything that a script changed is drawn.
        self.value(
            "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))",
        )?;
        let shot = self.ask("Page.captureScreenshot", &json!({"format": "png"}))?;
        write(file, &decoded(&shot["data"])?)
    }

    /// The page as it would be printed.
    ///
    /// # Errors
    /// It can't be printed or written.
    pub(crate) fn print(&mut self, file: &Path) -> Result<u64> {
        let printed = self.ask("Page.printToPDF", &json!({"printBackground": false, "landscape": false}))?;
        let bytes = decoded(&printed["data"])?;
        write(file, &bytes)?;
        Ok(bytes.len() as u64)
    }

    /// What the page did wrong since this was last asked: errors of its script, and requests to anything but a file.
    pub(crate) fn complaints(&mut self) -> Vec<String> {
        std::mem::take(&mut self.complaints)
    }

    fn ask(&mut self, method: &str, parameters: &Value) -> Result<Value> {
        self.last_id += 1;
        let mut message = json!({"id": self.last_id, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = serde_json::to_vec(&message).context("failed to write a command")?;
        bytes.push(0);
        self.commands.write_all(&bytes).with_context(|| format!("failed to send {method} to the browser"))?;
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let heard = self.messages.recv_timeout(left);
            let heard = heard.with_context(|| format!("the browser does not answer {method}"))?;
            if heard["id"] != json!(self.last_id) {
                self.complaints.extend(complaint(&heard));
                continue;
            }
            if let Some(error) = heard.get("error") {
                bail!("the browser refuses {method}: {}", error["message"].as_str().unwrap_or("no reason"));
            }
            return Ok(heard["result"].clone());
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended already; either way nothing of it is left.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(output: File) -> Receiver<Value> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut output = BufReader::new(output);
        let mut bytes = Vec::new();
        while output.read_until(0, &mut bytes).is_ok_and(|length| length > 0) {
            bytes.pop();
            let Ok(message) = serde_json::from_slice(&bytes) else { break };
            bytes.clear();
            if sender.send(message).is_err() {
                break;
            }
        }
    });
    receiver
}

/// What an event says against the page.
fn complaint(event: &Value) -> Option<String> {
    let parameters = &event["params"];
    match event["method"].as_str()? {
        "Runtime.exceptionThrown" => Some(thrown(&parameters["exceptionDetails"])),
        "Runtime.consoleAPICalled" if parameters["type"] == "error" => {
            Some(format!("console.error: {}", parameters["args"]))
        }
        "Log.entryAdded" if parameters["entry"]["level"] == "error" => {
            Some(parameters["entry"]["text"].as_str().unwrap_or("an error").to_owned())
        }
        "Network.requestWillBeSent" => {
            let url = parameters["request"]["url"].as_str()?;
            let is_own = ["file:", "data:", "about:"].iter().any(|scheme| url.starts_with(scheme));
            (!is_own).then(|| format!("it asks for {url}"))
        }
        _ => None,
    }
}

fn thrown(details: &Value) -> String {
    let said = details["exception"]["description"].as_str().or_else(|| details["text"].as_str());
    said.unwrap_or("an exception").to_owned()
}

fn decoded(data: &Value) -> Result<Vec<u8>> {
    let text = data.as_str().context("the browser sent no data")?;
    base64::engine::general_purpose::STANDARD.decode(text).context("the browser sent no base64")
}

fn write(file: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(file, bytes).with_context(|| format!("failed to write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(json!({"method": "Runtime.exceptionThrown", "params": {"exceptionDetails": {"text": "Uncaught x"}}}), Some("Uncaught x"))]
    #[case(json!({"method": "Log.entryAdded", "params": {"entry": {"level": "error", "text": "refused"}}}), Some("refused"))]
    #[case(json!({"method": "Log.entryAdded", "params": {"entry": {"level": "info", "text": "fine"}}}), None)]
    #[case(json!({"method": "Network.requestWillBeSent", "params": {"request": {"url": "https://a.test/"}}}), Some("it asks for https://a.test/"))]
    #[case(json!({"method": "Network.requestWillBeSent", "params": {"request": {"url": "file:///a"}}}), None)]
    #[case(json!({"id": 7, "result": {}}), None)]
    fn what_a_page_does_wrong_is_heard(#[case] event: Value, #[case] expected: Option<&str>) {
        assert_eq!(complaint(&event).as_deref(), expected);
    }
}
