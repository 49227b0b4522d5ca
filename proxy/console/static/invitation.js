// The invitation comes behind the "#" of its address, which is sent to nobody. It is
// taken from there into the form, and out of the history.
"use strict";
const secret = window.location.hash.slice(1);
if (secret) {
  document.querySelector("#invitation input[name=invitation]").value = secret;
  window.history.replaceState(null, "", window.location.pathname);
}
