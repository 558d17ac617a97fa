/** Pictures chosen by the person. */

/** A square JPEG of at most `side` pixels, so that an avatar is small whatever was chosen. */
export async function squarePicture(file: Blob, side = 512): Promise<Blob> {
  const picture = await createImageBitmap(file);
  const edge = Math.min(picture.width, picture.height);
  const size = Math.min(edge, side);
  const canvas = document.createElement('canvas');
  canvas.width = size;
  canvas.height = size;
  const context = canvas.getContext('2d');
  if (!context) throw new Error('the picture could not be drawn');
  context.drawImage(picture, (picture.width - edge) / 2, (picture.height - edge) / 2, edge, edge, 0, 0, size, size);
  picture.close();
  return new Promise((done, fail) => {
    canvas.toBlob((blob) => (blob ? done(blob) : fail(new Error('the picture could not be written'))), 'image/jpeg', 0.9);
  });
}
