/*
 * bench_html.c: the results as one page: plots as inline SVG, tables, no script and nothing from other sites. All text from outside is escaped.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/bench_machine.h"
#include "common/error.h"
#include "common/escape.h"

#define WIDTH 900
#define LEFT 70
#define RIGHT 150
#define TOP 20
#define HEIGHT 380
#define BOTTOM 40
#define BAR 16
#define BARS 520  /* the length of the longest bar */
#define LABEL 120 /* to the right of a bar */

static const char *const colours[] = {"#777777", "#d1242f", "#e8853a", "#1f6feb", "#2da44e", "#8250df", "#0a9396", "#9c6644", "#bf3989", "#57606a"};
#define COLOURS (sizeof(colours) / sizeof(colours[0]))

static void text(FILE *out, const char *unsafe) {
  char *const safe = escape_invalid_utf8(unsafe);
  for (const char *c = safe; *c != '\0'; c++) {
    switch (*c) {
      case '<': fputs("&lt;", out); break;
      case '>': fputs("&gt;", out); break;
      case '&': fputs("&amp;", out); break;
      case '"': fputs("&quot;", out); break;
      default:
        if ((unsigned char)*c >= ' ') fputc(*c, out);
    }
  }
  free(safe);
}

/* A round number at or above `value`, for the end of an axis. */
static double round_up(double value) {
  const double power = pow(10, floor(log10(value)));
  for (double step = 1; step < 10; step += step < 2 ? 0.5 : 1) {
    if (value <= step * power) return step * power;
  }
  return 10 * power;
}

/* ---- A curve for each contender over the working sets. ---- */

static void print_axes(FILE *out, const struct bench *b, double most, double first, double last) {
  for (unsigned i = 0; i <= 4; i++) {
    const double y = TOP + (HEIGHT - TOP - BOTTOM) * (1 - i / 4.0);
    fprintf(out, "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" class=\"grid\"/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.4g</text>\n", LEFT,
            WIDTH - RIGHT, y, y, LEFT - 8, y + 4, most * i / 4 / 1e6);
  }
  for (size_t w = 0; w < b->workload_count; w++) {
    if (b->workloads[w].kind != WORKLOAD_MIXED) continue;
    const double x = LEFT + (WIDTH - LEFT - RIGHT) * (log2((double)b->workloads[w].ws) - first) / (last - first);
    const uint64_t ws = b->workloads[w].ws;
    const unsigned shift = ws % (1u << 20) == 0 ? 20 : ws % (1u << 10) == 0 ? 10 : 0; /* short enough for sixteen labels */
    fprintf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%" PRIu64 "%s</text>\n", x, HEIGHT - BOTTOM + 18, ws >> shift,
            shift == 20   ? "M"
            : shift == 10 ? "K"
                          : "");
  }
  fprintf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">working set, slots</text>\n", (WIDTH - RIGHT + LEFT) / 2, HEIGHT - 4);
}

static void print_curve(FILE *out, const struct bench *b, size_t c, double most, double first, double last) {
  const char *const colour = colours[c % COLOURS];
  double x = 0, y = 0;
  bool any = false;
  fprintf(out, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"%s\" points=\"", colour, c == bench_reference(b) ? "3" : "1.5");
  for (size_t w = 0; w < b->workload_count; w++) {
    const double value = bench_summary(b, w, c, FIGURE_speed).median;
    if (b->workloads[w].kind != WORKLOAD_MIXED || isnan(value)) continue;
    x = LEFT + (WIDTH - LEFT - RIGHT) * (log2((double)b->workloads[w].ws) - first) / (last - first);
    y = TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / most);
    fprintf(out, "%.1f,%.1f ", x, y);
    any = true;
  }
  fputs("\"/>\n", out);
  if (!any) return;
  const double row = TOP + 20.0 * (double)c;
  fprintf(out, "<rect x=\"%d\" y=\"%.1f\" width=\"12\" height=\"12\" fill=\"%s\"/><text x=\"%d\" y=\"%.1f\">", WIDTH - RIGHT + 12, row, colour,
          WIDTH - RIGHT + 30, row + 11);
  text(out, b->contenders[c].name);
  fputs("</text>\n", out);
}

static void print_curves(FILE *out, const struct bench *b) {
  double first = HUGE_VAL, last = 0, most = 0;
  size_t points = 0;
  for (size_t w = 0; w < b->workload_count; w++) {
    if (b->workloads[w].kind != WORKLOAD_MIXED) continue;
    first = fmin(first, log2((double)b->workloads[w].ws));
    last = fmax(last, log2((double)b->workloads[w].ws));
    most = fmax(most, bench_highest(b, w, FIGURE_speed));
    points++;
  }
  if (points < 2 || first >= last || most <= 0 || b->contender_count > COLOURS) return;
  most = round_up(most);
  fprintf(out, "<h2>random_mixed, million operations per second</h2>\n<svg viewBox=\"0 0 %d %d\" role=\"img\">\n", WIDTH, HEIGHT);
  print_axes(out, b, most, first, last);
  for (size_t c = 0; c < b->contender_count; c++) print_curve(out, b, c, most, first, last);
  fputs("</svg>\n", out);
}

/* ---- A workload's bars, with its figures. ---- */

static void print_bars(FILE *out, const struct bench *b, size_t w) {
  const bool latency = b->workloads[w].kind == WORKLOAD_LATENCY;
  const enum figure f = latency ? FIGURE_p999_ns : FIGURE_speed;
  const char *unit;
  double scale = bench_speed_unit(b, w, &unit);
  const double most = bench_highest(b, w, f);
  if (latency) {
    scale = 1;
    unit = "ns at p99.9";
  }
  const size_t rows = b->contender_count;
  if (b->workloads[w].left_out || most <= 0) return;
  fputs("<h3>", out);
  text(out, b->workloads[w].name);
  fprintf(out, "</h3>\n<svg viewBox=\"0 0 %d %zu\" role=\"img\">\n", WIDTH, rows * (BAR + 6) + 4);
  for (size_t c = 0; c < rows; c++) {
    const struct summary s = bench_summary(b, w, c, f);
    const size_t y = c * (BAR + 6) + 2;
    if (s.count == 0) continue;
    const double width = BARS * s.median / most, end = 180 + width;
    const double spread = fmin(BARS * s.deviation / most, WIDTH - LABEL - end); /* longer bars are cut off */
    fprintf(out, "<text x=\"170\" y=\"%zu\" text-anchor=\"end\">", y + 12);
    text(out, b->contenders[c].name);
    fprintf(out,
            "</text><rect x=\"180\" y=\"%zu\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>"
            "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%zu\" y2=\"%zu\" class=\"spread\"/><text x=\"%.1f\" y=\"%zu\">%.4g %s</text>\n",
            y, width, BAR, colours[c % COLOURS], fmax(180, end - spread), end + spread, y + BAR / 2, y + BAR / 2, end + fmax(spread, 0) + 8, y + 12,
            s.median / scale, unit);
  }
  fputs("</svg>\n", out);
}

static void print_cell(FILE *out, double value) {
  if (isnan(value)) {
    fputs("<td>–</td>", out);
  } else {
    fprintf(out, "<td>%.*f</td>", value >= 100 ? 0 : value >= 10 ? 1 : 3, value);
  }
}

static void print_figures(FILE *out, const struct bench *b, size_t w) {
  const size_t reference = bench_reference(b);
  if (b->workloads[w].left_out) return;
  fputs("<table><tr><th></th><th>ratio to ", out);
  text(out, b->contenders[reference].name);
  fputs("</th>", out);
  for (enum figure f = FIGURE_peak_kib; f < FIGURE_COUNT; f++) {
    const char *const unit = bench_figures[f].unit;
    if (bench_row_has(b, w, f)) fprintf(out, "<th>%s%s%s</th>", bench_figures[f].text, *unit != '\0' && *unit != '1' ? ", " : "", *unit != '1' ? unit : "");
  }
  fputs("</tr>\n", out);
  for (size_t c = 0; c < b->contender_count; c++) {
    const struct interval r = bench_ratio(b, (struct cell){w, c}, (struct cell){w, reference}, FIGURE_speed);
    if (bench_summary(b, w, c, FIGURE_speed).count == 0 && !bench_stopped(b, w, c)) continue;
    fputs("<tr><th>", out);
    text(out, b->contenders[c].name);
    if (bench_stopped(b, w, c)) fputs(": failed", out);
    if (r.count == 1 && c != reference) {
      fprintf(out, "</th><td>%.3f [–]</td>", r.median);
    } else if (r.count > 0 && c != reference) {
      fprintf(out, "</th><td>%.3f [%.3f, %.3f]</td>", r.median, r.low, r.high);
    } else {
      fputs("</th><td>–</td>", out);
    }
    for (enum figure f = FIGURE_peak_kib; f < FIGURE_COUNT; f++) {
      if (bench_row_has(b, w, f)) print_cell(out, bench_summary(b, w, c, f).median);
    }
    fputs("</tr>\n", out);
  }
  fputs("</table>\n", out);
}

static void print_targets(FILE *out, const struct bench *b) {
  size_t count;
  struct judgement *const list = bench_judge(b, &count);
  if (count > 0) fputs("<h2>Targets</h2>\n<table><tr><th>what</th><th>target</th><th>against</th><th>measured</th><th>verdict</th></tr>\n", out);
  for (size_t i = 0; i < count; i++) {
    static const char *const classes[] = {[VERDICT_MET] = "met",      [VERDICT_NOT_MET] = "missed", [VERDICT_OPEN] = "open",
                                          [VERDICT_TOO_FEW] = "open", [VERDICT_TOO_WIDE] = "open",  [VERDICT_UNKNOWN] = "open"};
    fputs("<tr><td class=\"l\">", out);
    text(out, list[i].what);
    fprintf(out, "</td><td class=\"l\">%s</td><td class=\"l\">", list[i].target);
    text(out, list[i].note);
    if (list[i].verdict == VERDICT_UNKNOWN) {
      fputs("</td><td>–</td>", out);
    } else if (bench_rounds_measured(b) < 2) {
      fprintf(out, "</td><td>%.3f [–]</td>", list[i].value);
    } else {
      fprintf(out, "</td><td>%.3f [%.3f, %.3f]</td>", list[i].value, list[i].low, list[i].high);
    }
    fprintf(out, "<td class=\"l %s\">%s</td></tr>\n", classes[list[i].verdict], verdict_names[list[i].verdict]);
  }
  if (count > 0) fputs("</table>\n", out);
  judgements_free(list, count);
}

static void print_page(FILE *out, const struct bench *b) {
  char *const cpu = machine_cpu();
  fprintf(
    out,
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>hakmem bench %s</title>\n<style>"
    "body{font:15px/1.45 system-ui,sans-serif;max-width:1100px;margin:2em auto;padding:0 1em;color:#1f2328}"
    "svg{width:100%%;max-width:%dpx;height:auto;font-size:12px;display:block}.grid{stroke:#d0d7de}.spread{stroke:#1f2328;stroke-width:1.5}"
    "table{border-collapse:collapse;font-size:12.5px;margin:.5em 0 1.5em}td,th{border:1px solid #d0d7de;padding:3px 7px;text-align:right;"
    "font-variant-numeric:tabular-nums}th{background:#f6f8fa;font-weight:600;vertical-align:bottom}td{white-space:nowrap}tr>th:first-child{white-space:nowrap}.l{text-align:left}.met{color:#1a7f37}.missed{color:#d1242f}.open{color:#9a6700}"
    "</style></head><body>\n<h1>hakmem bench %s</h1>\n<p>",
    b->plan, WIDTH, b->plan);
  text(out, cpu);
  fprintf(out, "; %u round%s, the contenders taking turns, each run a process of its own. ", b->options.rounds, b->options.rounds == 1 ? "" : "s");
  if (bench_rounds_measured(b) < 2) fputs("One round has no deviation, and its ratios have no interval. ", out);
  else
    fprintf(out,
            "Figures are medians; bars have their standard deviation; ratios are medians of the rounds' ratios, in brackets the interval for the median "
            "(confidence %.1f&nbsp;%%). ",
            100 * statistics_confidence(bench_rounds_measured(b)));
  fprintf(out, "Figures per operation are of user space%s.</p>\n", b->scaled ? "; counters took turns and are scaled" : "");
  if (b->interrupted) {
    fprintf(out, "<p><strong>INTERRUPTED after %" PRIu64 " of %" PRIu64 " runs: the tables hold what was measured until then.</strong></p>\n", b->done,
            b->planned);
  }
  print_curves(out, b);
  print_targets(out, b);
  fputs("<h2>Workloads</h2>\n", out);
  for (size_t w = 0; w < b->workload_count; w++) {
    print_bars(out, b, w);
    print_figures(out, b, w);
  }
  fputs("<ul>\n", out);
  for (enum figure f = FIGURE_cycles; f <= FIGURE_dtlb_misses; f++) {
    if (!bench_has(b, f)) fprintf(out, "<li>%s: not available here</li>\n", bench_figures[f].text);
  }
  for (size_t i = 0; i < b->left_out_count; i++) {
    fputs("<li>left out: ", out);
    text(out, b->left_out[i]);
    fputs("</li>\n", out);
  }
  fputs("</ul>\n</body></html>\n", out);
  free(cpu);
}

bool bench_print_html(const struct bench *b, const char *path) {
  FILE *const out = fopen(path, "we");
  if (out == NULL) return fail("cannot write %s: %s", path, strerror(errno));
  print_page(out, b);
  const bool good = ferror(out) == 0;
  return (fclose(out) == 0 && good) || fail("cannot write %s: %s", path, strerror(errno));
}
