'use strict';

// Filters and sorts the page's lists. Text is only ever set as text; nothing is requested or stored.
// A list is an element with `data-list`: its controls, the element with `data-rows` that holds the rows, and, where
// there are more rows than the page was made with, a template of a row and a block of data.
(() => {
  const STEP = 100;
  const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'];
  const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });
  const whole = new Intl.NumberFormat('en');
  const tenth = new Intl.NumberFormat('en', {
    minimumFractionDigits: 1, maximumFractionDigits: 1, roundingMode: 'halfEven', useGrouping: false,
  });

  const element = (tag, className, ...content) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    made.append(...content);
    return made;
  };

  const size = (count) => {
    if (count < 1000) return `${count} B`;
    let scaled = count;
    let unit = 0;
    while (Number(tenth.format(scaled)) >= 1000) {
      scaled /= 1000;
      unit += 1;
    }
    return `${tenth.format(scaled)} ${UNITS[unit]}`;
  };

  const sent = (least, most) => {
    if (most === null) return `>= ${size(least)}`;
    if (least === most) return size(least);
    return least ? `${size(least)} to ${size(most)}` : `<= ${size(most)}`;
  };

  // ---- rows from the block of data: the same as the page's own template makes -------------------------------------

  const nameList = (names) => {
    if (!names.length) return element('span', 'note', 'none seen');
    return element('ul', '', ...names.map(([name, classes]) => {
      const told = element('span', 'note', classes);
      return name ? element('li', '', element('code', '', name), ' ', told) : element('li', '', told);
    }));
  };

  const placeList = (facts) => {
    const [located, registered, operated] = facts;
    if (facts.length === 1) return element('span', 'note', located);
    const line = (what, told) => element('li', '', element('span', 'note', what), ' ', told);
    const by = element('bdi', '', operated);
    return element('ul', '', line('located', located), line('registered', registered), line('operated', by));
  };

  const destinationNode = (template, row) => {
    const node = template.content.firstElementChild.cloneNode(true);
    const cells = node.children;
    const badge = cells[0].firstElementChild;
    badge.textContent = row.verdict;
    badge.classList.add(row.group);
    cells[1].firstElementChild.textContent = row.address;
    for (const note of row.notes) cells[1].append(element('br'), element('span', 'note', note));
    cells[2].append(nameList(row.names));
    cells[3].append(placeList(row.place));
    cells[4].textContent = whole.format(row.count);
    cells[5].textContent = sent(row.least, row.most);
    cells[6].textContent = row.acked === null ? 'unseen' : size(row.acked);
    cells[7].textContent = whole.format(row.attempts);
    node.dataset.group = row.group;
    return node;
  };

  const destinationRow = (template, word) => (cells) => {
    const [group, verdict, rank, address, notes, names, place, count, least, most, acked, attempts] = cells;
    const row = {
      group: word(group), verdict: word(verdict), address: word(address), notes: notes.map(word),
      names: names.map((pair) => pair.map(word)), place: place.map(word), count, least, most, acked, attempts,
    };
    const texts = [row.verdict, row.address, ...row.notes, ...row.names.flat(), ...row.place];
    const { address: where, names: named, place: facts } = row;
    return {
      group: row.group,
      text: texts.join(' ').toLowerCase(),
      keys: [rank, where, named.flat().join(' '), facts.join(' '), count, most ?? least, acked ?? -1, attempts],
      make: () => destinationNode(template, row),
    };
  };

  const findingNode = (template, row) => {
    const node = template.content.firstElementChild.cloneNode(true);
    const level = node.querySelector('.severity');
    level.textContent = row.severity;
    level.classList.add(row.severity);
    node.classList.add(row.group);
    node.id = `finding-${row.id}`;
    node.querySelector('h3').textContent = row.title;
    node.querySelector('.amount').append(row.amount);
    if (row.sent) node.querySelector('.amount').append(element('br'), `${row.sent} sent`);
    const list = node.querySelector('dl');
    for (const [what, told] of row.facts) list.append(element('dt', '', what), element('dd', '', told));
    return node;
  };

  const findingRow = (template, word) => (cells) => {
    const [group, severity, title, id, amount, told, bytes, count, seen, facts] = cells;
    const row = {
      group: word(group), severity: word(severity), title: word(title), id: word(id), amount: word(amount),
      sent: told === null ? '' : word(told),
      facts: facts.map((pair) => pair.map(word)),
    };
    return {
      group: row.group,
      severity: row.severity,
      text: [row.severity, row.title, row.amount, ...row.facts.flat()].join(' ').toLowerCase(),
      keys: { bytes, count, seen },
      make: () => findingNode(template, row),
    };
  };

  const PACKED = { destinations: destinationRow, findings: findingRow };

  // ---- rows the page was made with -------------------------------------------------------------------------------

  const cellKey = (cell) => ('sort' in cell.dataset ? Number(cell.dataset.sort) : cell.textContent.trim());

  const keysOf = (node) => {
    if (node.cells) return [...node.cells].map(cellKey);
    const { bytes, count, seen } = node.dataset;
    return { bytes: Number(bytes), count: Number(count), seen: Number(seen) };
  };

  const ownRow = (node) => ({
    node,
    group: node.dataset.group,
    severity: node.dataset.severity,
    text: node.textContent.toLowerCase().replace(/\s+/g, ' '),
    keys: keysOf(node),
  });

  // ---- a list ----------------------------------------------------------------------------------------------------

  const compare = (one, other) => {
    if (typeof one === 'number' && typeof other === 'number') return one - other;
    return collator.compare(one, other);
  };

  class List {
    constructor(root) {
      this.root = root;
      this.box = root.querySelector('[data-rows]');
      this.controls = root.querySelector('.controls');
      this.search = this.controls.querySelector('input');
      this.picks = [...this.controls.querySelectorAll('[data-pick]')];
      this.order = this.controls.querySelector('[data-order]');
      this.output = this.controls.querySelector('output');
      this.rows = [...this.box.children].map(ownRow);
      this.told = this.rows.length;
      this.rows.push(...this.packed());
      this.rows.forEach((row, at) => { row.at = at; });
      this.noun = this.controls.dataset.noun;
      this.key = null;
      this.descending = false;
      this.limit = Math.max(this.told, STEP);
      this.build();
      this.listen();
      this.count(this.rows.length, this.told);
    }

    packed() {
      const block = this.root.querySelector('script[type="application/json"]');
      if (!block) return [];
      const { words, rows } = JSON.parse(block.textContent);
      const make = PACKED[this.root.dataset.list];
      return rows.map(make(this.root.querySelector('template[data-row]'), (number) => words[number]));
    }

    build() {
      this.more = element('button', 'more-rows');
      this.more.type = 'button';
      this.none = element('p', 'soft none', 'Nothing matches.');
      this.none.hidden = true;
      (this.box.closest('.scroll') ?? this.box).after(this.none, this.more);
      this.root.querySelector('.unscripted')?.setAttribute('hidden', '');
      this.root.querySelector('.scripted')?.removeAttribute('hidden');
      const heads = this.box.closest('table')?.tHead.rows[0].cells ?? [];
      this.heads = [...heads].map((head) => this.sortable(head));
      this.controls.hidden = false;
    }

    sortable(head) {
      const button = element('button', 'sort', ...head.childNodes);
      button.type = 'button';
      head.append(button);
      button.addEventListener('click', () => this.sortBy(head));
      return head;
    }

    listen() {
      this.search.addEventListener('input', () => this.changed());
      for (const pick of this.picks) pick.addEventListener('change', () => this.changed());
      this.order?.addEventListener('change', () => {
        this.key = this.order.value || null;
        this.descending = this.key !== 'seen';
        this.changed();
      });
      this.controls.querySelector('[data-clear]').addEventListener('click', () => this.clear());
      this.controls.querySelector('[data-fold]')?.addEventListener('click', (event) => this.fold(event.target));
      this.more.addEventListener('click', () => {
        this.limit += STEP;
        this.show();
      });
    }

    sortBy(head) {
      const at = this.heads.indexOf(head);
      const numbers = head.classList.contains('n') || this.rows.some((row) => typeof row.keys[at] === 'number');
      this.descending = this.key === at ? !this.descending : numbers;
      this.key = at;
      this.mark();
      this.changed();
    }

    mark() {
      for (const [at, head] of this.heads.entries()) {
        if (at === this.key) head.setAttribute('aria-sort', this.descending ? 'descending' : 'ascending');
        else head.removeAttribute('aria-sort');
      }
    }

    clear() {
      this.search.value = '';
      for (const pick of this.picks) pick.value = '';
      if (this.order) this.order.value = '';
      this.key = null;
      this.mark();
      this.changed();
      this.search.focus();
    }

    fold(button) {
      const open = button.dataset.fold === 'true';
      for (const one of this.box.children) one.open = open;
      button.dataset.fold = String(!open);
      button.textContent = open ? 'Fold all' : 'Unfold all';
    }

    get filtered() {
      return Boolean(this.search.value.trim()) || this.picks.some((pick) => pick.value);
    }

    changed() {
      this.limit = this.filtered ? STEP : Math.max(this.told, STEP);
      this.show();
    }

    matching() {
      const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
      const wanted = this.picks.filter((pick) => pick.value).map((pick) => [pick.dataset.pick, pick.value]);
      return this.rows.filter((row) => wanted.every(([what, value]) => row[what] === value)
        && words.every((word) => row.text.includes(word)));
    }

    ordered(rows) {
      if (this.key === null) return rows;
      const turn = this.descending ? -1 : 1;
      return rows.sort((one, other) => turn * compare(one.keys[this.key], other.keys[this.key]) || one.at - other.at);
    }

    show() {
      const found = this.ordered(this.matching());
      const shown = found.slice(0, this.limit);
      for (const row of shown) row.node ??= row.make();
      this.box.replaceChildren(...shown.map((row) => row.node));
      this.count(found.length, shown.length);
    }

    count(found, shown) {
      const part = shown < found ? `${whole.format(shown)} of ${whole.format(found)}` : whole.format(found);
      const all = found < this.rows.length ? `, of ${whole.format(this.rows.length)} ${this.noun}` : ` ${this.noun}`;
      this.output.textContent = found < this.rows.length ? `${part} matching${all}` : part + all;
      this.controls.classList.toggle('filtered', this.filtered);
      this.none.hidden = found > 0;
      this.more.hidden = shown >= found;
      this.more.textContent = `Show ${whole.format(Math.min(STEP, found - shown))} more`;
    }
  }

  for (const root of document.querySelectorAll('[data-list]')) {
    if (root.querySelector('.controls')) new List(root);
  }

  // Paper shows everything unfolded, also where a browser keeps folded content from style sheets.
  let folded = [];
  addEventListener('beforeprint', () => {
    folded = [...document.querySelectorAll('details:not([open])')];
    for (const one of folded) one.open = true;
  });
  addEventListener('afterprint', () => {
    for (const one of folded) one.open = false;
  });
})();
