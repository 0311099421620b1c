// One line that says what happened, seen for a while and read out by screen readers.
import { by, button, make } from "./dom.js";

const SECONDS = { said: 5, bad: 12 };

// action: [label, callback] of a button in it. Takes the place of one that says the same. Returns what closes it.
export function say(text, { bad = false, action = null } = {}) {
  const toast = make(
    "div",
    { className: bad ? "toast wrong" : "toast", role: bad ? "alert" : "status" },
    make("span", {}, text),
  );
  const close = () => toast.remove();
  if (action)
    toast.append(
      button(action[0], () => {
        close();
        action[1]();
      }),
    );
  toast.append(button("Dismiss", close, { picture: "close" }));
  const shown = by("toasts");
  [...shown.children].find((other) => other.firstChild.textContent === text)?.remove();
  while (shown.childElementCount > 2) shown.firstElementChild.remove();
  shown.append(toast);
  let timer = setTimeout(close, 1000 * (bad ? SECONDS.bad : SECONDS.said));
  toast.addEventListener("pointerenter", () => clearTimeout(timer));
  toast.addEventListener("pointerleave", () => {
    timer = setTimeout(close, 3000);
  });
  return close;
}

// What is only worth hearing: progress that the eye sees anyway.
export function announce(text) {
  if (by("announcer").textContent !== text) by("announcer").textContent = text;
}

// Does something that may be refused; tells why in a line. Returns what it gave, or undefined.
export async function trying(action) {
  try {
    return await action();
  } catch (error) {
    say(error.message, { bad: true });
    return undefined;
  }
}
