/**
 * Writes a small PDF: one Helvetica text block a page, ASCII only, wrapped at `COLUMNS`
 * characters. Enough to be a document with real text on known pages, and nothing more; ballast makes
 * it as large as a scanned one without anything more to read.
 */
export function pdf(pages: string[], ballastBytes = 0): Buffer {
  const objects: string[] = [];
  const add = (body: string): number => objects.push(body);

  const catalog = add("<< /Type /Catalog /Pages 2 0 R >>");
  add(""); // The page tree, filled in once the pages have their numbers.
  const font = add("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>");
  const kids = pages.map((text) => {
    const stream = content(text);
    const body = add(`<< /Length ${stream.length} >>\nstream\n${stream}\nendstream`);
    return add(
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents ${body} 0 R ` +
        `/Resources << /Font << /F1 ${font} 0 R >> >> >>`,
    );
  });
  if (ballastBytes > 0) add(`<< /Length ${ballastBytes} >>\nstream\n${"ballast ".repeat(ballastBytes / 8)}\nendstream`);
  objects[1] = `<< /Type /Pages /Count ${kids.length} /Kids [${kids.map((kid) => `${kid} 0 R`).join(" ")}] >>`;

  let file = "%PDF-1.4\n";
  const offsets = objects.map((body, index) => {
    const offset = file.length;
    file += `${index + 1} 0 obj\n${body}\nendobj\n`;
    return offset;
  });
  const xref = file.length;
  file += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n`;
  file += offsets.map((offset) => `${String(offset).padStart(10, "0")} 00000 n \n`).join("");
  file += `trailer\n<< /Size ${objects.length + 1} /Root ${catalog} 0 R >>\nstartxref\n${xref}\n%%EOF\n`;
  return Buffer.from(file, "latin1");
}

const COLUMNS = 80;

function content(text: string): string {
  const shown = lines(text).map((line) => `(${line.replace(/[\\()]/g, "\\$&")}) Tj T*`);
  return `BT /F1 11 Tf 15 TL 56 780 Td\n${shown.join("\n")}\nET`;
}

function lines(text: string): string[] {
  return text.split("\n").flatMap((paragraph) => {
    const wrapped: string[] = [];
    let line = "";
    for (const word of paragraph.split(" ")) {
      if (line && line.length + 1 + word.length > COLUMNS) {
        wrapped.push(line);
        line = word;
      } else {
        line = line ? `${line} ${word}` : word;
      }
    }
    return [...wrapped, line];
  });
}

/** Six pages about a town that does not exist, so that no model knows the answers by itself. */
export const LIGHTHOUSE_PAGES = [
  "The lighthouse of Varnholm\nA reader for the harbour school\n\nThis booklet describes the old lighthouse of Varnholm, how it was built, who kept it, and what became of it. Each page deals with one subject.",
  "How it was built\n\nThe tower was raised between 1871 and 1874 from grey granite that was quarried on the island itself. It stands forty one metres high. The mason in charge was Ingrid Solberg, who had built three bridges before she came to the coast.",
  "The lamp\n\nThe first lamp burned colza oil and needed to be trimmed every three hours. In 1903 the keepers exchanged it for a paraffin burner with an incandescent mantle, which was seen from nineteen nautical miles away. The lens turned on a bath of mercury.",
  "The keepers\n\nTwo keepers and an assistant lived in the house below the tower. They changed watch at midnight, at four and at eight. The assistant was paid eleven crowns a month and was given firewood and potatoes besides.",
  "The storm of 1911\n\nOn the ninth of December 1911 a storm broke the lantern windows and put the light out for six nights. The fishing boat Marigold ran aground on the eastern reef, and her crew of seven was rescued by the pilot cutter.",
  "What became of it\n\nThe light was made automatic in 1962 and switched off for good in 1988. Since 1994 the tower has housed a weather station, and in summer visitors may climb its two hundred and twelve steps.",
];

/** A chronicle of so many pages, each with words of its own: enough to read for a while. */
export function chroniclePages(count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const year = 1400 + index;
    return Array.from(
      { length: 12 },
      (_, entry) =>
        `In the year ${year} the chronicler of Ostervik wrote entry ${entry + 1}: harvest ${(index * 7) % 90}, ` +
        `ships ${(index * 13 + entry) % 50}, and a winter of ${(index + entry) % 120} days of ice upon the harbour.`,
    ).join("\n\n");
  });
}

/** A question one page of the booklet answers, with words of that answer. */
export const LIGHTHOUSE_QUESTION = {
  text: "How tall is the tower and what stone is it made of?",
  page: 2,
  answer: /granite/i,
};
