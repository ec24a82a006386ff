function drawn(size, background) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const pen = canvas.getContext("2d");
  if (background) { pen.fillStyle = background; pen.fillRect(0, 0, size, size); }
  pen.fillStyle = "#c47a2c";
  pen.beginPath(); pen.ellipse(size / 2, size * .55, size * .36, size * .25, 0, 0, 7); pen.fill();
  pen.strokeStyle = "#f6d9a5"; pen.lineWidth = size / 28; pen.lineCap = "round";
  for (const x of [.36, .5, .64]) { pen.beginPath(); pen.moveTo(size * (x - .05), size * .6); pen.lineTo(size * (x + .05), size * .42); pen.stroke(); }
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

function tone() {
  const rate = 8000, count = rate * 2, view = new DataView(new ArrayBuffer(44 + count));
  const word = (at, text) => [...text].forEach((one, number) => view.setUint8(at + number, one.charCodeAt(0)));
  word(0, "RIFF"); view.setUint32(4, 36 + count, true); word(8, "WAVEfmt "); view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); view.setUint16(22, 1, true); view.setUint32(24, rate, true); view.setUint32(28, rate, true);
  view.setUint16(32, 1, true); view.setUint16(34, 8, true); word(36, "data"); view.setUint32(40, count, true);
  for (let n = 0; n < count; n++) view.setUint8(44 + n, 128 + 60 * Math.sin(n / rate * 6.283 * (n < rate ? 330 : 440)) * (1 - (n % rate) / rate));
  return new Blob([view], {type: "audio/wav"});
}

const moving = (shape) => new Blob([
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 320"><rect width="320" height="320" fill="#f6e3bd"/>${shape}</svg>`,
], {type: "image/svg+xml"});

export const samples = {
  photo: () => drawn(320, "#f6e3bd"),
  sticker: () => drawn(256, null),
  voice: tone,
  animation: () => moving('<ellipse cx="160" cy="190" rx="100" ry="66" fill="#c47a2c"><animate attributeName="cy" values="190;130;190" dur="1s" repeatCount="indefinite"/></ellipse>'),
  video_note: () => moving('<ellipse cx="160" cy="170" rx="100" ry="66" fill="#8a4b12"><animate attributeName="rx" values="100;70;100" dur="1.4s" repeatCount="indefinite"/></ellipse>'),
  document: () => new Blob(["Мука, вода, соль, закваска.\n"], {type: "text/plain"}),
};
