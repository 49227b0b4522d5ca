// Keys for the player, wherever the focus is, except where somebody types.
"use strict";
const player = document.getElementById("player");
const SECONDS = 5;
const keys = {
  k: () => (player.paused ? player.play() : player.pause()),
  j: () => { player.currentTime = Math.max(0, player.currentTime - SECONDS); },
  l: () => { player.currentTime += SECONDS; },
};

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, select, textarea");
  const act = keys[event.key.toLowerCase()];
  if (!act || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  act();
});

player.addEventListener("error", () => {
  document.getElementById("unplayable").hidden = false;
});
