// Asks the browser for a passkey, or for a new one, and sends its answer as a form.
"use strict";
const form = document.getElementById("passkey");
const refused = document.getElementById("refused");

async function answerOf(kind, options) {
  if (kind === "create") {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
    return navigator.credentials.create({ publicKey });
  }
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  return navigator.credentials.get({ publicKey });
}

document.getElementById("ask").addEventListener("click", async () => {
  refused.hidden = true;
  try {
    const options = JSON.parse(form.dataset.options);
    const credential = await answerOf(form.dataset.kind, options);
    form.elements.answer.value = JSON.stringify(credential.toJSON());
    form.submit();
  } catch {
    refused.hidden = false; // nobody touched it, there is none, or it is too old
  }
});
