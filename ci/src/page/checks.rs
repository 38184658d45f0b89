//! Each thing that the page has to do, as a person does it: by keys, by an address, by looking.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::many::LEAST_CELLS;
use crate::browser::Browser;

/// Sizes that it is looked at in.
const DESKTOP: (u32, u32) = (1440, 900);
const PHONE: (u32, u32) = (390, 844);
/// Until a page of two thousand cells can be worked with, on a busy machine. On a quiet one it takes a tenth of that.
const MOST_READY_MS: u64 = 10_000;
const MOST_BYTES: u64 = 8_000_000;

/// Where the pages are.
pub(crate) struct Pages<'a> {
    pub(crate) mixed: &'a Path,
    pub(crate) many: &'a Path,
    pub(crate) out: &'a Path,
}

/// Says more than that it holds, where there is a number.
type Check = fn(&mut Browser, &Pages<'_>) -> Result<Option<String>>;

/// All of them.
pub(crate) const ALL: [(&str, Check); 9] = [
    ("every_view_is_drawn", every_view_is_drawn),
    ("arrows_walk_the_grid_and_enter_opens_a_cell_and_escape_closes_it", keys),
    ("a_link_opens_its_cell", a_link_opens_its_cell),
    ("a_filter_shows_what_fits_and_nothing_else", filter),
    ("the_colours_can_be_chosen", colours),
    ("every_cell_of_the_grid_says_what_it_is", names),
    ("a_phone_scrolls_the_grid_and_not_the_page", phone),
    ("it_prints", print),
    ("two_thousand_cells_and_hostile_text_are_no_burden", many),
];

/// Screenshots of the whole and of a cell that is not green, in both colours and sizes.
///
/// # Errors
/// The browser or the page does not do it.
pub(crate) fn look(browser: &mut Browser, page: &Path, out: &Path) -> Result<()> {
    for (size, (width, height)) in [("desktop", DESKTOP), ("phone", PHONE)] {
        browser.resize(width, height)?;
        for scheme in ["light", "dark"] {
            browser.colours(scheme)?;
            browser.load(page, "")?;
            browser.screenshot(&out.join(format!("page-{size}-{scheme}.png")))?;
            browser.value("document.querySelector('#grid-title').scrollIntoView()")?;
            browser.screenshot(&out.join(format!("page-{size}-{scheme}-grid.png")))?;
            browser.press("n")?;
            browser.wait_for("document.body.classList.contains('with-detail') || document.querySelector('#attention').hidden")?;
            browser.screenshot(&out.join(format!("page-{size}-{scheme}-cell.png")))?;
            browser.value("document.querySelector('#detail').scrollTo(0, 1e6)")?;
            browser.screenshot(&out.join(format!("page-{size}-{scheme}-cell-end.png")))?;
        }
    }
    Ok(())
}

fn begin(browser: &mut Browser, page: &Path, hash: &str) -> Result<u64> {
    browser.resize(DESKTOP.0, DESKTOP.1)?;
    browser.colours("light")?;
    browser.load(page, hash)
}

fn every_view_is_drawn(browser: &mut Browser, pages: &Pages<'_>) -> Result<Option<String>> {
    look(browser, pages.mixed, pages.out)?;
    Ok(None)
}

/// Which cell has the focus.
fn focused(browser: &mut Browser) -> Result<String> {
    browser.text("document.activeElement.getAttribute('aria-label') ?? document.activeElement.id ?? ''")
}

fn keys(browser: &mut Browser, pages: &Pages<'_>) -> Result<Option<String>> {
    begin(browser, pages.mixed, "")?;
    // From the top of the page on, the tab key alone has to reach the grid.
    let mut presses = 0;
    while browser.value("document.activeElement.tagName === 'TD'")? != true {
        ensure!(presses < 80, "80 presses of the tab key do not reach the grid, but {}", focused(browser)?);
        browser.press("Tab")?;
        presses += 1;
    }
    let area = focused(browser)?;
    browser.press("ArrowDown")?;
    let first = focused(browser)?;
    browser.press("ArrowRight")?;
    let second = focused(browser)?;
    ensure!(first != area && second != first, "the arrows go from `{area}` to `{first}` to `{second}`");
    browser.press("Enter")?;
    browser.wait_for("!document.querySelector('#detail').hidden")?;
    let shown = browser.text("document.querySelector('#detail').textContent")?;
    let name = second.split(": ").next().unwrap_or_default();
    ensure!(shown.contains(name), "`{name}` was opened, and the page shows: {shown}");
    ensure!(focused(browser)? == "detail-title", "the focus stays at {}", focused(browser)?);
    browser.press("Escape")?;
    browser.wait_for("document.querySelector('#detail').hidden")?;
    ensure!(focused(browser)? == second, "closing gives the focus to {}", focused(browser)?);
    browser.press("ArrowUp")?;
    browser.press("ArrowUp")?;
    let rows = "[...document.querySelectorAll('#grid tbody tr')].filter((tr) => !tr.hidden).length";
    let before = browser.value(rows)?;
    browser.press("Enter")?;
    ensure!(browser.value(rows)? != before, "Enter on an area folds nothing: {}", focused(browser)?);
    Ok(Some(format!("{presses} presses of the tab key reach the grid")))
}

/// The first cell that failed, as the page calls it.
fn failed_cell(browser: &mut Browser) -> Result<String> {
    let run = browser.text("document.querySelector('#run').textContent")?;
    let run: Value = serde_json::from_str(&run).context("the page's data is no JSON")?;
    let cells = run["cells"].as_array().context("the page has no cells")?;
    let cell = cells.iter().find(|cell| cell["outcome"] == "failed").context("no cell failed")?;
    let part = |list: &str, at: &Value| {
        let at = usize::try_from(at.as_u64().unwrap_or_default()).unwrap_or_default();
        run[list][at]["id"].as_str().unwrap_or_default().to_owned()
    };
    Ok(format!("{}/{}", part("kernels", &cell["kernel"]), part("rows", &cell["row"])))
}

fn a_link_opens_its_cell(browser: &mut Browser, pages: &Pages<'_>) -> Result<Option<String>> {
    begin(browser, pages.mixed, "")?;
    let cell = failed_cell(browser)?;
    begin(browser, pages.mixed, &format!("#cell={cell}"))?;
    let shown = browser.text("document.querySelector('#detail').innerText")?;
    let row = cell.split_once('/').map_or("", |(_, row)| row);
    for part in [
        cell.as_str(),
        "Why",
        "Expected and seen",
        "control before",
        "Steps",
        "attach",
        "./ci/lab --kernel ",
        row,
        "console-",
    ] {
        ensure!(shown.contains(part), "the opened cell does not say `{part}`: {shown}");
    }
    ensure!(
        browser.value("document.querySelectorAll('.oracle .differs').length > 0")? == true,
        "nothing differs in a failed cell"
    );
    begin(browser, pages.mixed, "#cell=6.1/no/such@none")?;
    let shown = browser.text("document.querySelector('#detail').innerText")?;
    ensure!(shown.contains("no cell 6.1/no/such@none"), "an unknown cell is not said: {shown}");
    Ok(None)
}

/// Names of the lines that are shown.
const SHOWN: &str = "[...document.querySelectorAll('#grid tbody tr:not(.area)')].filter((tr) => !tr.hidden).map((tr) => tr.cells[0].title.split('\\n')[0])";

fn lines(browser: &mut Browser) -> Result<Vec<String>> {
    let value = browser.value(SHOWN)?;
    serde_json::from_value(value).context("the lines have no names")
}

fn filter(browser: &mut Browser, pages: &Pages<'_>) -> Result<Option<String>> {
    begin(browser, pages.mixed, "")?;
    let all = lines(browser)?;
    browser.press("/")?;
    for key in "unlink".chars() {
        browser.press(&key.to_string())?;
    }
    let some = lines(browser)?;
    ensure!(
        !some.is_empty() && some.len() < all.len(),
        "`unlink` leaves {} of {} lines",
        some.len(),
        all.len()
    );
    ensure!(some.iter().all(|line| line.contains("unlink")), "`unlink` leaves {some:?}");
    let hash = browser.text("location.hash")?;
    ensure!(hash.contains("text=unlink"), "the address is {hash}");
    browser.press("Escape")?;
    ensure!(lines(browser)? == all, "Escape does not empty the filter");
    browser.value("document.querySelector('[data-outcome=failed]').click()")?;
    let failed = lines(browser)?;
    ensure!(
        !failed.is_empty() && failed.len() < all.len(),
        "failed cells are in {} of {} lines",
        failed.len(),
        all.len()
    );
    let wrong = "[...document.querySelectorAll('#grid tbody tr:not(.area)')].filter((tr) => !tr.hidden && !tr.querySelector('.failed')).length";
    ensure!(browser.value(wrong)? == 0, "a line without a failed cell is shown");
    browser.value("document.querySelector('[data-outcome=failed]').click()")?;
    browser.value("{ const pick = document.querySelector('#kernel'); pick.value = pick.options[1].value; pick.dispatchEvent(new Event('change')); }")?;
    let columns = browser
        .value("[...document.querySelectorAll('#grid thead th')].filter((th) => !th.hidden).length")?;
    ensure!(columns == 2, "one kernel leaves {columns} columns");
    begin(browser, pages.mixed, "#text=no-such-thing")?;
    ensure!(
        browser.value("document.querySelector('#nothing').hidden")? == false,
        "nothing found is not said"
    );
    browser.value("document.querySelector('#clear').click()")?;
    ensure!(lines(browser)? == all, "clearing the filter does not bring everything back");
    Ok(None)
}

fn colours(browser: &mut Browser, pages: &Pages<'_>) -> Result<Option<String>> {
    begin(browser, pages.mixed, "")?;
    const GROUND: &str = "getComputedStyle(document.body).backgroundColor";
    let light = browser.text(GROUND)?;
    browser.colours("dark")?;
    let dark = browser.text(GROUND)?;
    ensure!(light != dark, "light and dark are both {light}");
    let mut chosen = Vec::new();
    for _ in 0..3 {
        browser.value("document.querySelector('#theme').click()")?;
        chosen.push(browser.text(GROUND)?);
    }
    ensure!(chosen == [light, dark.clone(), dark], "the button goes through {chosen:?}");
    for by in ["effect", "time"] {
        begin(browser, pages.mixed, &format!("#colour={by}"))?;
        browser.value("document.querySelector('#grid-title').scrollIntoView()")?;
        browser.screenshot(&pages.out.join(format!("page-desktop-by-{by}.png")))?;
    }
    let heats = browser.value("document.querySelectorAll('#grid td.heat').length > 0")?;
    ensure!(heats == true, "no cell shows its time");
    Ok(None)
}

fn names(browser: &mut Browser, pages: &Pages<'_>) -> Result<Option<String>> {
    begin(browser, pages.mixed, "")?;
    let nameless = browser.value(
        "[...document.querySelectorAll('[role=gridcell], button, input, select')].filter((node) => !(node.getAttribute('aria-label') || node.textContent.trim() || node.closest('label'))).length",
    )?;
    ensure!(nameless == 0, "{nameless} controls have no name");
    let stops = browser.value("document.querySelectorAll('#grid [tabindex=\"0\"]').length")?;
    ensure!(stops == 1, "the grid has {stops} stops for the tab key, and should have one");
    let outline = "(() => { const td = document.querySelector('#grid [tabindex=\"0\"]'); td.focus(); return getComputedStyle(td).outlineStyle; })()";
    ensure!(browser.text(outline)? == "solid", "the focus can't be seen");
    let cells = browser.value("document.querySelectorAll('#grid [role=gridcell]').length")?;
    Ok(Some(format!("{cells} cells")))
}

fn phone(browser: &mut Browser, pages: &Pages<'_>) -> Result<Option<String>> {
    browser.colours("light")?;
    browser.resize(PHONE.0, PHONE.1)?;
    for page in [pages.mixed, pages.many] {
        browser.load(page, "")?;
        let wide = browser.value("document.documentElement.scrollWidth")?;
        ensure!(
            wide.as_u64().is_some_and(|wide| wide <= u64::from(PHONE.0)),
            "{} is {wide} pixels wide",
            page.display()
        );
    }
    browser.value("document.querySelector('#grid-title').scrollIntoView()")?;
    browser.screenshot(&pages.out.join("many-phone.png"))?;
    browser.load(pages.mixed, "")?;
    let cell = failed_cell(browser)?;
    browser.load(pages.mixed, &format!("#cell={cell}"))?;
    ensure!(
        browser.value("document.querySelector('#main').inert")? == true,
        "what the cell covers can still be reached"
    );
    let wide = browser.value("document.querySelector('#detail').scrollWidth")?;
    ensure!(wide.as_u64().is_some_and(|wide| wide <= u64::from(PHONE.0)), "a cell is {wide} pixels wide");
    browser.press("Escape")?;
    browser.wait_for("!document.querySelector('#main').inert")?;
    Ok(None)
}

fn print(browser: &mut Browser, pages: &Pages<'_>) -> Result<Option<String>> {
    begin(browser, pages.mixed, "")?;
    let bytes = browser.print(&pages.out.join("page.pdf"))?;
    ensure!(bytes > 10_000, "a print of {bytes} bytes holds no table");
    // As wide as a sheet of paper at 96 dots per inch, less its margins.
    browser.resize(718, 1040)?;
    browser.on_paper(true)?;
    browser.screenshot(&pages.out.join("page-print.png"))?;
    let clickable = "[...document.querySelectorAll('button, input, select')].filter((node) => node.offsetParent !== null).length";
    let clickable = browser.value(clickable)?;
    browser.on_paper(false)?;
    ensure!(clickable == 0, "{clickable} controls would be printed");
    Ok(Some(format!("{bytes} bytes of PDF")))
}

fn many(browser: &mut Browser, pages: &Pages<'_>) -> Result<Option<String>> {
    let bytes = std::fs::metadata(pages.many).context("failed to look at the page")?.len();
    let ready_ms = begin(browser, pages.many, "")?;
    let cells = browser.value("JSON.parse(document.querySelector('#run').textContent).cells.length")?;
    ensure!(cells.as_u64().is_some_and(|cells| cells >= LEAST_CELLS as u64), "the page has {cells} cells");
    ensure!(browser.value("window.hostile === undefined")? == true, "text of a scenario was executed");
    let hostile = browser
        .value("[...document.querySelectorAll('#grid th')].some((th) => th.title.includes('</script>'))")?;
    ensure!(hostile == true, "the hostile title is not shown as it is");
    let began = "performance.now()";
    let before = browser.value(began)?.as_f64().unwrap_or_default();
    browser.value("document.querySelector('#unfold').click()")?;
    let filter_ms = browser.value(began)?.as_f64().unwrap_or_default() - before;
    browser.value("document.querySelector('#grid-title').scrollIntoView()")?;
    browser.screenshot(&pages.out.join("many-desktop.png"))?;
    ensure!(bytes <= MOST_BYTES, "the page has {bytes} bytes, more than {MOST_BYTES}");
    ensure!(ready_ms <= MOST_READY_MS, "the page is ready after {ready_ms} ms");
    Ok(Some(format!(
        "{cells} cells, {bytes} bytes, ready after {ready_ms} ms, unfolded in {filter_ms:.0} ms"
    )))
}
