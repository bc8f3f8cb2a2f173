"use strict";
const button = document.getElementById("fetch");
const answer = document.getElementById("answer");
const token = location.hash.slice(1);
// The token has done its duty in the address bar: neither history nor a screenshot needs it.
history.replaceState(null, "", location.pathname);

function say(...lines) {
  answer.replaceChildren(...lines.map(([name, text]) => {
    const line = document.createElement(name);
    line.textContent = text;
    return line;
  }));
}

if (!token) {
  button.disabled = true;
  say(["p", "This page was opened without its link. Open the link in your mail again."]);
}

button.addEventListener("click", async () => {
  button.disabled = true;
  say(["p", "One moment …"]);
  try {
    const reply = await fetch("/v1/access-requests/first-key", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token }),
    });
    const body = await reply.json();
    if (reply.ok) {
      say(["p", `The first key of ${body.name} (${body.id}):`], ["pre", body.apiKey.secret],
        ["p", "It will not be shown again."]);
    } else {
      say(["p", body.detail]);
      button.disabled = reply.status === 404;
    }
  } catch {
    say(["p", "The server did not answer. Nothing is lost: press the button again."]);
    button.disabled = false;
  }
});
