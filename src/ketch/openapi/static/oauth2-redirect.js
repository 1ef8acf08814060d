// The end of an OAuth 2 redirect: hands the authorization server's answer to the Swagger UI that opened this window.
const flow = window.opener && window.opener.swaggerUIRedirectOauth2;

function finish() {
  const answer = new URLSearchParams((location.hash || location.search).slice(1));
  const genuine = answer.get("state") === flow.state;
  const source = flow.auth.name;
  const kind = flow.auth.schema.get("flow");

  if (["accessCode", "authorizationCode", "authorization_code"].includes(kind) && !flow.auth.code) {
    if (!genuine) {
      flow.errCb({ authId: source, source: "auth", level: "warning", message: "The state does not match: the answer may not be the server's." });
    }
    if (answer.get("code")) {
      delete flow.state;
      flow.auth.code = answer.get("code");
      flow.callback({ auth: flow.auth, redirectUrl: flow.redirectUrl });
      return;
    }
    const why = [answer.get("error"), answer.get("error_description"), answer.get("error_uri")].filter(Boolean).join(": ");
    flow.errCb({ authId: source, source: "auth", level: "error", message: why || "The server sent no authorization code." });
    return;
  }
  flow.callback({ auth: flow.auth, token: Object.fromEntries(answer), isValid: genuine, redirectUrl: flow.redirectUrl });
}

if (flow) {
  finish();
  window.close();
}
