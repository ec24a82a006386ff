/** Media to send without a file at hand, drawn on the spot. */

const CRUST = "#c47a2c";
const CRUMB = "#f6d9a5";
const CLOTH = "#f6e3bd";

function loaf(size, background) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const pen = canvas.getContext("2d");
  if (background) {
    pen.fillStyle = background;
    pen.fillRect(0, 0, size, size);
  }
  pen.fillStyle = CRUST;
  pen.beginPath();
  pen.ellipse(size / 2, size * 0.52, size * 0.4, size * 0.27, 0, 0, 2 * Math.PI);
  pen.fill();
  pen.strokeStyle = CRUMB;
  pen.lineWidth = size / 26;
  pen.lineCap = "round";
  for (const x of [0.33, 0.5, 0.67]) {
    pen.beginPath();
    pen.moveTo(size * (x - 0.05), size * 0.6);
    pen.lineTo(size * (x + 0.05), size * 0.42);
    pen.stroke();
  }
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

/** Two seconds of two fading notes, as a WAV of eight bits. */
function tune() {
  const rate = 8000;
  const count = rate * 2;
  const view = new DataView(new ArrayBuffer(44 + count));
  const write = (at, text) => [...text].forEach((letter, place) => view.setUint8(at + place, letter.charCodeAt(0)));
  write(0, "RIFF");
  view.setUint32(4, 36 + count, true);
  write(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true); // mono
  view.setUint32(24, rate, true);
  view.setUint32(28, rate, true);
  view.setUint16(32, 1, true);
  view.setUint16(34, 8, true);
  write(36, "data");
  view.setUint32(40, count, true);
  for (let place = 0; place < count; place++) {
    const note = place < rate ? 330 : 440;
    const fading = 1 - (place % rate) / rate;
    view.setUint8(44 + place, 128 + 60 * fading * Math.sin((2 * Math.PI * note * place) / rate));
  }
  return new Blob([view], {type: "audio/wav"});
}

/** A moving picture that stands still for those who asked for less motion. */
const moving = (background, keyframes) =>
  new Blob(
    [
      `
  <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 320" width="320" height="320">
    <style>
      @keyframes move { 50% { ${keyframes} } }
      g { animation: move 1.2s ease-in-out infinite; transform-origin: 160px 180px }
      @media (prefers-reduced-motion: reduce) { g { animation: none } }
    </style>
    <rect width="320" height="320" fill="${background}"/>
    <g>
      <ellipse cx="160" cy="180" rx="110" ry="74" fill="${CRUST}"/>
      <path d="M105 200l22-40M150 200l22-40M195 200l22-40" stroke="${CRUMB}" stroke-width="12" stroke-linecap="round"/>
    </g>
  </svg>`,
    ],
    {type: "image/svg+xml"},
  );

export const samples = {
  photo: {icon: "image", name: "photo.png", draw: () => loaf(640, CLOTH)},
  sticker: {icon: "sticker", name: "sticker.png", draw: () => loaf(256, null)},
  voice: {icon: "voice", name: "voice.wav", draw: tune},
  video_note: {icon: "circle", name: "note.svg", draw: () => moving("#d9a866", "transform: scale(.8)")},
  animation: {icon: "film", name: "animation.svg", draw: () => moving(CLOTH, "transform: translateY(-50px)")},
  document: {
    icon: "file",
    name: "recipe.txt",
    draw: () => new Blob(["Мука, вода, соль, закваска.\n"], {type: "text/plain"}),
  },
};
