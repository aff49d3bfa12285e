// One way of breaking the dashboard for each check: what the browser receives is changed on its way.
// `check` is the beginning of the name of a check that must then fail; `file` is where that check is, dashboard.mjs where it is not said.

/** Changes the text of pages and assets whose path fits. The stream of events is left alone. */
const rewrite = (fits, change) => (context) =>
  context.route((url) => url.pathname !== "/events" && fits.test(url.pathname), async (route) => {
    const response = await route.fetch({ maxRedirects: 0 });
    const type = response.headers()["content-type"] ?? "";
    if (!/text|svg/.test(type)) return route.fulfill({ response });
    return route.fulfill({ response, body: change(await response.text()) });
  });
const style = (rules) => rewrite(/style\.css$/, (text) => text + rules);

export const breaks = {
  "open door": {
    check: "nothing is shown before",
    how: (context) => context.route("**/reviews", (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html><table></table>" })),
  },
  "any token": {
    check: "a wrong token",
    how: (context) => context.route("**/login", (route) => (route.request().method() === "POST"
      ? route.fulfill({ contentType: "text/html", body: "<!doctype html><p role=alert>come in" }) : route.continue())),
  },
  "no focus on the token": { check: "the token signs in", how: rewrite(/login/, (text) => text.replace(" autofocus", "")) },
  "a wrong count": { check: "health shows", how: rewrite(/^\/$/, (text) => text.replace(/(data-cell="pending">)(\d+)/, "$17$2")) },
  "a flow is missing": { check: "health shows", how: rewrite(/^\/$/, (text) => text.replace(/<tr data-flow="crm-companies">[^]*?<\/tr>/, "")) },
  "no calls": { check: "the schedule says", how: rewrite(/^\/schedule$/, (text) => text.replaceAll(/(data-label="This month" class="number">)\d+/g, "$10")) },
  "deaf script": { check: "health stays current", how: rewrite(/live\.js$/, (text) => text.replace('addEventListener("status"', 'addEventListener("other"')) },
  "deaf tiles": { check: "health stays current", how: rewrite(/live\.js$/, (text) => text.replace("if (count)", "if (false)")) },
  "everything is found": { check: "a record is found", how: rewrite(/^\/records$/, (text) => text.replace("<tbody>", '<tbody><tr><th><a href="/">Ada</a></th></tr>')) },
  "no reasons": { check: "a record is found", how: rewrite(/^\/records\/contact/, (text) => text.replaceAll("the rule", "a rule")) },
  "no contributions": { check: "a record is found", how: rewrite(/^\/records\/contact/, (text) => text.replaceAll(/<details class="card">/g, "<details>")) },
  "names are not escaped": { check: "a name that is a script", how: rewrite(/^\/records/, (text) => text.replaceAll("&#60;", "<").replaceAll("&#62;", ">")) },
  "no fixes": { check: "what waits", how: rewrite(/^\/reviews$/, (text) => text.replaceAll("record show", "record")) },
  "no reviews": { check: "what waits", how: rewrite(/^\/reviews$/, (text) => text.replaceAll('href="/reviews/', 'href="/review/')) },
  "one is not listed": { check: "each number", how: rewrite(/^\/governance\//, (text) => text.replace(/<tr><th scope="row">[^]*?<\/tr>/, "")) },
  "too wide": { check: "every page fits a phone and can be read, light", how: style("main { min-width: 30rem }") },
  "pale text, light": { check: "every page fits a phone and can be read, light", how: style(":root { --quiet: #aaa }") },
  "pale text, dark": { check: "every page fits a phone and can be read, dark", how: style("@media (prefers-color-scheme: dark) { :root { --quiet: #444 } }") },
  "differences are left out": { check: "a build that asks for more", how: rewrite(/^\/plugins\/hubspot/, (text) => text.replaceAll("https://spare", "https://there")) },
  "script only": { check: "without scripts", how: rewrite(/^\/$/, (text) => text.replaceAll(/(<time[^>]*>)[^<]*/g, "$1")) },
  "no way by keyboard": { check: "a review is decided", how: rewrite(/^\/reviews/, (text) => text.replaceAll("<button>", '<button tabindex="-1">')) },
  "focus is not seen": { check: "a review is decided", how: style(":focus-visible { outline: none }") },
  "many without asking": { check: "many reviews", how: rewrite(/^\/reviews\/many/, (text) => text.replace('name="reason" maxlength="500" required', 'name="why"')) },
  "a kind is lost": { check: "what waits", how: rewrite(/^\/reviews$/, (text) => text.replace(/<section[^]*<\/section>/, "")) },
  "signed out but not": {
    check: "signing out",
    how: (context) => context.route("**/logout", (route) => route.fulfill({ status: 303, headers: { location: "/login", "set-cookie": "none=1" } })),
  },
  "inline script": { check: "no page broke its policy", how: rewrite(/^\/records/, (text) => text.replace("</body>", "<script>1</script></body>")) },
  "another host": { check: "no page broke its policy", how: rewrite(/^\/records/, (text) => text.replace("</body>", '<img alt="" src="http://127.0.0.2:9/x.png"></body>')) },
  "failing script": { check: "no page broke its policy", how: rewrite(/live\.js$/, (text) => `${text}\nnull.x;`) },

  // Of the steward's day.
  "a wrong census": { file: "steward.mjs", check: "the census", how: rewrite(/^\/census$/, (text) => text.replace(/(data-count="both">)(\d+)/, "$17$2")) },
  "a crooked bar": { file: "steward.mjs", check: "the census", how: rewrite(/^\/census$/, (text) => text.replace(/(<rect class="left" x="0" width=")\d+/, "$1999")) },
  "nothing is typed twice": { file: "steward.mjs", check: "the census", how: rewrite(/^\/census$/, (text) => text.replace("typed twice", "fine")) },
  "one heading for all": {
    file: "steward.mjs", check: "every open question",
    how: rewrite(/^\/reviews$/, (text) => text.replace(/<\/tbody>\s*<\/table>\s*<\/section>[^]*?<tbody>/, "")),
  },
  "what agrees looks like the rest": { file: "steward.mjs", check: "one match", how: rewrite(/^\/reviews\/\d+$/, (text) => text.replaceAll('<td class="same">', "<td>")) },
  "another answer than it says": {
    file: "steward.mjs", check: "one match",
    how: rewrite(/^\/reviews\/\d+$/, (text) => text.replace(/name="choice" value="contact\/\d+"/, 'name="choice" value="new"')),
  },
  "decided by looking": {
    file: "steward.mjs", check: "many matches",
    how: (context) => context.route(/\/reviews\/many\?.*choice=/, async (route) => {
      const response = await route.fetch();
      const body = await response.text();
      const [, link] = body.match(/<tbody>\s*<tr><th scope="row"><a href="(\/reviews\/\d+)"/) ?? [];
      const [, token] = body.match(/name="form_token" value="([^"]+)"/);
      const form = { form_token: token, choice: "new", reason: "" };
      if (link) await context.request.post(new URL(link, response.url()).href, { form, headers: { origin: new URL(response.url()).origin } });
      return route.fulfill({ response, body });
    }),
  },
  "the conflict is out of sight": { file: "steward.mjs", check: "a conflict is decided", how: rewrite(/^\/reviews\/\d+$/, (text) => text.replace(/(<tbody>)(\s*<tr><th scope="row">Phone[^]*?<\/tr>)([^]*?)(<\/tbody>)/, "$1$3$2$4")) },
  "a full queue": { file: "steward.mjs", check: "the queue is empty", how: rewrite(/^\/reviews$/, (text) => text.replace('<p class="empty">Nothing waits', "<p>Nothing waits")) },
  // The wrong system is said to be right: only the systems show it.
  "the rule says another system": {
    file: "steward.mjs", check: "once the operators agree",
    how: rewrite(/^\/reviews\/many$/, (text) => text.replace('type="hidden" name="from" value="books"', 'type="hidden" name="from" value="crm"')),
  },
  "nobody decided it": { file: "steward.mjs", check: "a record says who decided", how: rewrite(/^\/records\/contact/, (text) => text.replaceAll("decided by", "given by")) },
};
