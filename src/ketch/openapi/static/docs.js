// Starts Swagger UI with what the page's element says. A file of its own, because the page's policy allows no inline script.
const element = document.getElementById("swagger-ui");
const here = (url) => new URL(url, document.baseURI).href;

const ui = SwaggerUIBundle({
  domNode: element,
  url: here(element.dataset.document),
  oauth2RedirectUrl: here(element.dataset.redirect),
  deepLinking: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  validatorUrl: null, // the online validator would be told the document's address
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  ...JSON.parse(element.dataset.options),
});

if (element.dataset.oauth) {
  ui.initOAuth(JSON.parse(element.dataset.oauth));
}
