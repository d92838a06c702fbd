"use strict";
window.onerror = (message) => { document.body.dataset.error = message; };
window.onunhandledrejection = (event) => { document.body.dataset.error = event.reason; };
document.documentElement.classList.add("script");

document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});

for (const button of document.querySelectorAll("button.copy")) {
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "Copied";
    } catch {  // no clipboard for this page: leave the command selected
      getSelection().selectAllChildren(button.previousElementSibling);
    }
  });
}

const SHADOW = "rgb(16 16 18)", SIDE = 480;  // longer side of the canvases, in their own pixels
const rgb = (colour) => `rgb(${colour.join(" ")})`;
const byId = (id) => document.getElementById(id);

// -- pictures in the page -> pixels -----------------------------------------------------------------------------------

function loaded(source) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = () => reject(new Error("a picture of the page could not be read"));
    image.src = source;
  });
}

function pixels(image) {
  const canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  return [context, context.getImageData(0, 0, canvas.width, canvas.height)];
}

// The photo unchanged, and grey and dimmed for the overlay.
function photoPair(image, dim) {
  const [context, data] = pixels(image);
  const values = data.data;
  for (let i = 0; i < values.length; i += 4) {
    const grey = dim * (0.299 * values[i] + 0.587 * values[i + 1] + 0.114 * values[i + 2]);
    values[i] = values[i + 1] = values[i + 2] = grey;
  }
  context.putImageData(data, 0, 0);
  return { plain: image, dim: context.canvas };
}

// -- drawing ----------------------------------------------------------------------------------------------------------

function heat(view, strength) {
  const at = strength * (view.heat.length - 1);
  const low = Math.min(Math.floor(at), view.heat.length - 2);
  return view.heat[low].map((value, channel) => value + (at - low) * (view.heat[low + 1][channel] - value));
}

// The overlay, one pixel per cell: one part as heat, or all parts in the colours of their sides.
function overlay(view, found, stage, part) {
  const { columns, rows, levels, peaks } = found, parts = view.parts.length;
  const canvas = document.createElement("canvas");
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  const greatest = Math.max(...peaks[stage]) || 1;
  const level = (p, y, x) => levels[((stage * rows + y) * parts + p) * columns + x] / 255;
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      let strength, colour;
      if (part >= 0) {
        strength = level(part, y, x);
        colour = heat(view, strength);
        strength **= view.heatContrast;
      } else {
        let best = 0, value = -1;
        for (let p = 0; p < parts; p++) {
          const belief = level(p, y, x) * peaks[stage][p];
          if (belief > value) { value = belief; best = p; }
        }
        strength = (value / greatest) ** view.partsContrast;
        colour = view.colours[view.sides[best]];
      }
      image.data.set([...colour, 255 * view.opacity * strength], 4 * (y * columns + x));
    }
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

function strokes(context, paint, thickness) {
  context.lineCap = "round";
  for (const [extra, dark] of [[thickness * 0.55, true], [0, false]]) paint(extra, dark);
}

function drawSkeleton(context, view, joints, thickness, scale, { plain = false, missed = () => false } = {}) {
  const at = (joint) => [(joint[0] + 0.5) * scale, (joint[1] + 0.5) * scale];
  strokes(context, (extra, dark) => {
    for (const [first, second, side] of view.limbs) {
      if (!joints[first] || !joints[second]) continue;
      context.beginPath();
      context.moveTo(...at(joints[first]));
      context.lineTo(...at(joints[second]));
      context.lineWidth = thickness + extra;
      context.setLineDash(plain ? [2 * thickness, 2.2 * thickness] : []);
      context.strokeStyle = dark ? SHADOW : plain ? "white" : rgb(view.colours[side]);
      if (!(plain && dark)) context.stroke();
    }
    context.setLineDash([]);
    joints.forEach((joint, part) => {
      if (!joint) return;
      if (!plain) mark(context, at(joint), thickness, extra, dark, rgb(view.colours[view.sides[part]]), missed(part));
      else if (!view.limbs.length) ring(context, joint, 0.7 * thickness, scale);
    });
  }, thickness);
}

// A dot, or a cross for a wrong joint.
function mark(context, [x, y], thickness, extra, dark, colour, missed) {
  context.beginPath();
  if (missed) {
    const arm = 1.25 * thickness;
    context.moveTo(x - arm, y - arm);
    context.lineTo(x + arm, y + arm);
    context.moveTo(x + arm, y - arm);
    context.lineTo(x - arm, y + arm);
    context.lineWidth = 0.8 * thickness + extra;
    context.strokeStyle = dark ? SHADOW : "white";
    context.stroke();
  } else {
    context.arc(x, y, 0.85 * thickness + extra / 2, 0, 7);
    context.fillStyle = dark ? SHADOW : colour;
    context.fill();
  }
}

function ring(context, joint, thickness, scale) {
  strokes(context, (extra, dark) => {
    context.beginPath();
    context.arc((joint[0] + 0.5) * scale, (joint[1] + 0.5) * scale, 2.1 * thickness, 0, 7);
    context.lineWidth = 0.6 * thickness + extra;
    context.strokeStyle = dark ? SHADOW : "white";
    context.stroke();
  }, thickness);
}

// -- the viewer -------------------------------------------------------------------------------------------------------

class Viewer {
  constructor(view) {
    this.view = view;
    this.ready = new Map();  // subjects whose pictures are read
    this.most = Math.max(...view.machines.map((machine) => machine.stages));
    this.state = { subject: 0, stage: this.most - 1, part: -1, a: view.shown[0], b: view.shown[1] };
    this.build();
    this.fromAddress();
    this.listen();
  }

  build() {
    const { view } = this, strip = byId("strip"), parts = byId("parts");
    view.subjects.forEach((subject, index) => {
      const button = document.createElement("button"), image = document.createElement("img");
      button.type = "button";
      button.setAttribute("role", "option");
      button.setAttribute("aria-label", `Test subject ${subject.number}`);
      button.tabIndex = -1;
      image.src = subject.photo;
      image.alt = "";
      button.append(image);
      button.addEventListener("click", () => this.set({ subject: index }));
      strip.append(button);
    });
    ["All", ...view.parts].forEach((name, index) => {
      const label = document.createElement("label"), input = document.createElement("input"), span = document.createElement("span");
      input.type = "radio";
      input.name = "part";
      input.value = index - 1;
      if (index) {
        label.className = `side-${view.sides[index - 1]}`;
        span.append(document.createElement("i"));
      }
      span.append(name);
      label.append(input, span);
      input.addEventListener("change", () => this.set({ part: index - 1 }));
      parts.append(label);
    });
    for (const side of ["a", "b"]) {
      const select = byId(`machine-${side}`);
      view.machines.forEach((machine, index) => select.append(new Option(machine.label, index)));
      select.addEventListener("change", () => this.set({ [side]: Number(select.value) }));
      const canvas = byId(`canvas-${side}`), scale = SIDE / Math.max(view.width, view.height);
      canvas.width = Math.round(view.width * scale);
      canvas.height = Math.round(view.height * scale);
      canvas.addEventListener("click", (event) => this.pickJoint(side, event));
    }
    byId("stage").max = this.most;
    byId("stage").disabled = this.most === 1;
  }

  listen() {
    byId("stage").addEventListener("input", (event) => this.set({ stage: Number(event.target.value) - 1 }));
    byId("previous").addEventListener("click", () => this.move("subject", -1));
    byId("next").addEventListener("click", () => this.move("subject", 1));
    for (const name of ["beliefs", "prediction", "truth"]) byId(`show-${name}`).addEventListener("change", () => this.set({}));
    byId("viewer").addEventListener("keydown", (event) => this.press(event));
    window.addEventListener("hashchange", () => { this.fromAddress(); this.set({}); });
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
    const radio = event.target.type === "radio", key = event.key.toLowerCase();
    const moves = { n: ["subject", 1], p: ["subject", -1], j: ["part", 1], k: ["part", -1] };
    if (!radio) Object.assign(moves, { arrowright: ["stage", 1], arrowleft: ["stage", -1] });
    const toggles = { b: "show-beliefs", t: "show-truth" };
    if (key in moves) this.move(...moves[key]);
    else if (key in toggles) { byId(toggles[key]).checked = !byId(toggles[key]).checked; this.set({}); }
    else return;
    event.preventDefault();
  }

  move(what, step) {
    const { view, state } = this, n = view.subjects.length, parts = view.parts.length + 1;
    if (what === "stage") this.set({ stage: Math.min(Math.max(state.stage + step, 0), this.most - 1) });
    else if (what === "subject") this.set({ subject: (state.subject + step + n) % n });
    else this.set({ part: (state.part + 1 + step + parts) % parts - 1 });
  }

  fromAddress() {
    const wanted = new URLSearchParams(location.hash.slice(1)), { view, state } = this;
    const subject = view.subjects.findIndex((each) => each.number === Number(wanted.get("subject")));
    if (subject >= 0) state.subject = subject;
    const stage = Number(wanted.get("stage"));
    if (stage >= 1 && stage <= this.most) state.stage = stage - 1;
    if (wanted.has("part")) state.part = view.parts.indexOf(wanted.get("part"));
    for (const side of ["a", "b"]) {
      const machine = view.machines.findIndex((each) => each.key === wanted.get(side));
      if (machine >= 0) state[side] = machine;
    }
  }

  toAddress() {
    const { view, state } = this, words = new URLSearchParams({ subject: view.subjects[state.subject].number, stage: state.stage + 1 });
    if (state.part >= 0) words.set("part", view.parts[state.part]);
    words.set("a", view.machines[state.a].key);
    words.set("b", view.machines[state.b].key);
    history.replaceState(null, "", `#${words}`);
  }

  async subject(index) {
    if (!this.ready.has(index)) this.ready.set(index, this.read(index));
    return this.ready.get(index);
  }

  async read(index) {
    const { view } = this, subject = view.subjects[index], machines = {};
    const photo = photoPair(await loaded(subject.photo), view.dim);
    for (const machine of view.machines) {
      const found = { ...subject.machines[machine.key] };
      if (found.maps) {
        const data = pixels(await loaded(found.maps))[1].data;
        found.levels = Uint8Array.from({ length: data.length / 4 }, (_, i) => data[4 * i]);
        found.columns = Math.floor(view.width / machine.stride);
        found.rows = Math.floor(view.height / machine.stride);
      }
      machines[machine.key] = found;
    }
    return { photo, machines, truth: subject.truth };
  }

  async set(change, remember = true) {
    Object.assign(this.state, change);
    const turn = this.turn = (this.turn || 0) + 1;
    const subject = await this.subject(this.state.subject);
    if (turn !== this.turn) return;  // a later change is under way
    this.show(subject);
    if (remember) this.toAddress();
    document.body.dataset.shown = JSON.stringify(this.state);
  }

  show(subject) {
    const { view, state } = this;
    [...byId("strip").children].forEach((button, index) => {
      const chosen = index === state.subject;
      if (chosen && button.getAttribute("aria-selected") !== "true") {
        const strip = byId("strip");
        strip.scrollLeft = button.offsetLeft - strip.offsetLeft - strip.clientWidth / 2 + 28;
      }
      button.setAttribute("aria-selected", chosen);
    });
    byId("who").textContent = `Test subject ${view.subjects[state.subject].number}`;
    byId("stage").value = state.stage + 1;
    byId("stage-number").textContent = `${state.stage + 1} of ${this.most}`;
    byId("parts").querySelectorAll("input")[state.part + 1].checked = true;
    for (const side of ["a", "b"]) {
      const machine = view.machines[state[side]], stage = Math.min(state.stage, machine.stages - 1);
      const select = byId(`machine-${side}`), canvas = byId(`canvas-${side}`), found = subject.machines[machine.key];
      select.value = state[side];
      select.className = `series-${machine.series}`;
      this.draw(canvas.getContext("2d"), subject, found, stage);
      const [sentence, note] = this.words(machine, found, stage, subject.truth);
      const small = document.createElement("small");
      small.textContent = note;
      byId(`caption-${side}`).replaceChildren(sentence, small);
      canvas.setAttribute("aria-label", `${machine.label}, ${note}: ${sentence}`);
    }
  }

  draw(context, subject, found, stage) {
    const { view, state } = this, { width, height } = context.canvas;
    const scale = SIDE / Math.max(view.width, view.height), thickness = 6.5;
    const heated = byId("show-beliefs").checked && found.levels;
    const prediction = byId("show-prediction").checked, truth = byId("show-truth").checked;
    context.imageSmoothingQuality = "high";
    context.drawImage(heated ? subject.photo.dim : subject.photo.plain, 0, 0, width, height);
    if (heated) {
      const grid = scale * Math.round(view.width / found.columns);
      context.drawImage(overlay(view, found, stage, state.part), 0, 0, grid * found.columns, grid * found.rows);
    }
    const joints = found.joints[stage], off = found.off[stage];
    if (state.part < 0) {
      const missed = (part) => off[part] !== null && off[part] > view.found;
      if (prediction) drawSkeleton(context, view, joints, thickness, scale, { missed });
      if (truth) drawSkeleton(context, view, subject.truth, thickness * 0.55, scale, { plain: true });
      return;
    }
    const joint = joints[state.part], colour = rgb(view.colours[view.sides[state.part]]);
    if (truth && subject.truth[state.part]) ring(context, subject.truth[state.part], thickness, scale);
    if (prediction && joint) {
      const place = [(joint[0] + 0.5) * scale, (joint[1] + 0.5) * scale];
      strokes(context, (extra, dark) => mark(context, place, thickness, extra, dark, colour, false), thickness);
    }
  }

  // Caption: the result, and which stage it is.
  words(machine, found, stage, truth) {
    const { view, state } = this, off = found.off[stage];
    let note = `stage ${stage + 1} of ${machine.stages}${machine.kinds[stage] ? `, ${machine.kinds[stage]}` : ""}`;
    if (machine.stages === 1) note = machine.kinds[0] ? `one stage, ${machine.kinds[0]}` : "no stages";
    if (state.stage >= machine.stages && machine.stages > 1) note += ", its last";
    if (!found.levels) note += "; no belief maps";
    if (state.part < 0) {
      const scored = off.filter((each) => each !== null);
      return [`${scored.filter((each) => each <= view.found).length} of ${scored.length} joints correct`, note];
    }
    const name = view.parts[state.part], belief = found.peaks ? `, belief ${found.peaks[stage][state.part].toFixed(2)}` : "";
    if (!truth[state.part]) return [`${name}: not labelled${belief}`, note];
    const distance = off[state.part];
    if (distance === null) return [`${name}: not scored${belief}`, note];
    return [`${name}: ${distance <= view.found ? "correct" : "wrong"}, ${distance.toFixed(2)} reference lengths off${belief}`, note];
  }

  // The part whose predicted or true joint is nearest to a click.
  async pickJoint(side, event) {
    const { view, state } = this, box = event.target.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * view.width, y = (event.clientY - box.top) / box.height * view.height;
    const subject = await this.subject(state.subject), machine = view.machines[state[side]];
    const joints = subject.machines[machine.key].joints[Math.min(state.stage, machine.stages - 1)];
    let best = -1, least = 0.08 * Math.max(view.width, view.height);
    view.parts.forEach((_, part) => {
      for (const joint of [joints[part], subject.truth[part]]) {
        const distance = joint ? Math.hypot(joint[0] - x, joint[1] - y) : Infinity;
        if (distance < least) { least = distance; best = part; }
      }
    });
    this.set({ part: best === state.part ? -1 : best });
  }
}

const data = byId("viewer-data");
const begun = data ? new Viewer(JSON.parse(data.textContent)).set({}, false) : Promise.resolve();
begun.then(() => { document.body.dataset.ready = "yes"; });
