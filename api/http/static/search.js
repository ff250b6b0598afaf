// What people type into a field that is searched by: the server refuses blanks that may be a lost "+".

for (const field of document.querySelectorAll("input[type=search]")) {
  field.form?.addEventListener("formdata", ({ formData }) => {
    formData.set(field.name, field.value.trim().replace(/\s+/g, " "));
  });
}
