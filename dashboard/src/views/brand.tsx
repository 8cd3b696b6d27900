import icon from "../icon.svg?no-inline";

export function Brand() {
  return (
    <span class="brand">
      <img src={icon} width="22" height="22" alt="" />
      Sandbar
    </span>
  );
}
