// The API's reference, drawn by Swagger UI from our own OpenAPI document.
const place = document.getElementById("reference");

globalThis.SwaggerUIBundle({
  domNode: place,
  url: place.dataset.openapi,
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: -1,
  tryItOutEnabled: false,
  validatorUrl: null,
});
