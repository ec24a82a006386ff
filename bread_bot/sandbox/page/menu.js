/** Menus that open at a button: arrow keys move, Escape closes, the focus comes back. */

import {icon, make, moveFocus} from "./dom.js";

/** Open a menu; an item is {text, icon, act, isDangerous}, a row of `quick` ones stands on top. */
export function openMenu(anchor, label, items, quick = []) {
  const menu = make("div", {className: "menu", role: "menu", ariaLabel: label, popover: "auto"});
  const close = () => menu.hidePopover();
  const entry = (one, className, ...children) =>
    make(
      "button",
      {
        type: "button",
        role: "menuitem",
        className,
        ariaLabel: one.label ?? null,
        tabIndex: -1,
        onclick: () => {
          close();
          one.act();
        },
      },
      ...children,
    );
  if (quick.length) {
    menu.append(
      make(
        "div",
        {className: "quick", role: "presentation"},
        quick.map((one) => entry(one, one.isOn ? "on" : "", one.text)),
      ),
    );
  }
  menu.append(...items.map((one) => entry(one, one.isDangerous ? "dangerous" : "", icon(one.icon), one.text)));
  menu.onkeydown = (event) => {
    if (event.key === "Tab") close();
    else moveFocus(event, [...menu.querySelectorAll("[role=menuitem]")], true);
  };
  menu.ontoggle = (event) => {
    if (event.newState !== "closed") return;
    menu.remove();
    anchor.ariaExpanded = "false";
  };
  document.body.append(menu);
  anchor.ariaExpanded = "true";
  anchor.focus({preventScroll: true});
  menu.showPopover();
  put(menu, anchor.getBoundingClientRect());
  menu.querySelector("[role=menuitem]").focus();
}

function put(menu, anchor) {
  const space = 8;
  const {width, height} = menu.getBoundingClientRect();
  const isBelow = anchor.bottom + height + space < innerHeight;
  const top = isBelow ? anchor.bottom + 4 : anchor.top - height - 4;
  menu.style.left = `${Math.max(space, Math.min(anchor.left, innerWidth - width - space))}px`;
  menu.style.top = `${Math.max(space, top)}px`;
}
