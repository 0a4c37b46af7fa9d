// SPDX-License-Identifier: MIT
// What a JavaScript programmer would write with sharp: pictures_sharp.js IN_FLIGHT SIZE TARGET FILE...
const path = require("path");
const sharp = require(require.resolve("sharp", { paths: [process.env.SHARP] }));

const [inFlight, size, target, ...files] = process.argv.slice(2);
sharp.concurrency(1);
sharp.cache(false);

async function lane() {
  for (let file = files.shift(); file; file = files.shift()) {
    const image = sharp(file).rotate();
    image.resize(Number(size), Number(size), { fit: "inside", withoutEnlargement: true });
    if (file.endsWith(".jpg")) image.jpeg({ quality: 75 });
    await image.toFile(path.join(target, path.basename(file)));
  }
}

Promise.all(Array.from({ length: Number(inFlight) }, lane)).catch((error) => {
  console.error(error.message);
  process.exit(1);
});
