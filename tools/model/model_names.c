/*
 * model_names.c: the words for what is in a model, the same in every output.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "model.h"

const char *model_host_name(const struct report *r, const struct model_host *host, char *buffer) {
  size_t before = 0;
  for (size_t i = 0; i < r->host_count && host != NULL && r->hosts[i] != host; i++) before += strcmp(r->hosts[i]->name, host->name) == 0;
  const char *const name = host != NULL && *host->name != '\0' ? host->name : "?";
  if (before == 0) snprintf(buffer, MODEL_HOST, "%s", name);
  else snprintf(buffer, MODEL_HOST, "%.100s#%zu", name, before + 1);
  return buffer;
}

const char *model_merge_text(const struct model_merge *merge, char *buffer) {
  const uint64_t processes = model_merge_count(merge);
  snprintf(buffer, MODEL_MERGE, "%" PRIu64 " run%s of %s%" PRIu64 " host%s: %" PRIu64 " process%s", merge->runs, merge->runs == 1 ? "" : "s",
           merge->hosts_are_more ? "more than " : "", merge->hosts, merge->hosts == 1 ? "" : "s", processes, processes == 1 ? "" : "es");
  return buffer;
}

const char *model_state(const struct model_process *p, char *buffer) {
#define PROCESS_STATE_NAME(constant, name) name,
  static const char *const names[] = {PROCESS_STATES(PROCESS_STATE_NAME)};
  const char *const signal = p->end_signal > 0 ? sigabbrev_np(p->end_signal) : NULL;
  if (p->merge != NULL) snprintf(buffer, MODEL_STATE, "merged");
  else if (signal != NULL) snprintf(buffer, MODEL_STATE, "killed by SIG%s", signal);
  else if (p->end_signal > 0) snprintf(buffer, MODEL_STATE, "killed by signal %d", p->end_signal);
  else if (p->exit_code > 0) snprintf(buffer, MODEL_STATE, "exit code %d", p->exit_code);
  else snprintf(buffer, MODEL_STATE, "%s", names[p->state]);
  return buffer;
}

const char *model_ran_for(const struct model_process *p, const char *at_least, char *buffer) {
  char time[FORMAT_SIZE];
  const bool is_cut = model_is_cut(p) && p->lived_ns == 0;
  if (is_cut && p->elapsed_ns == 0) snprintf(buffer, MODEL_TIME, "an unknown time");
  else snprintf(buffer, MODEL_TIME, "%s%s", is_cut ? at_least : "", format_ns(time, (double)(p->lived_ns != 0 ? p->lived_ns : p->elapsed_ns)));
  return buffer;
}

const char *model_as_of(const struct model_process *p, char *buffer) {
  char age[FORMAT_SIZE];
  if (p->is_present) return "as it is now (read from its memory)";
  format_ns(age, (double)p->age_ns);
  if (p->refusal == 0) snprintf(buffer, MODEL_AS_OF, "as of %s ago (its statistics file)", age);
  else snprintf(buffer, MODEL_AS_OF, "as of %s ago (its statistics file; reading its memory: %s)", age, strerrordesc_np(p->refusal));
  return buffer;
}

const char *model_last_moment(const struct model_process *p) {
  return model_is_alive(p) ? "now" : p->state == PROCESS_COPIED ? "when its file was copied" : "at the end";
}

const char *model_class_name(uint32_t cls, char *buffer) {
  if (cls == CLASS_LARGE) return "large";
  if (cls == CLASS_HUGE) return "huge";
  if (cls >= CLASS_COUNT) return "none";
  snprintf(buffer, MODEL_CLASS_NAME, "%u", cls);
  return buffer;
}

const char *model_side(unsigned verdict) {
  return verdict == HDR_OVERFLOW ? "past the end of the block" : verdict == HDR_UNDERFLOW ? "before the start of the block" : "into the block";
}

const char *model_call_kind(unsigned kind) {
#define CALL_NAME(name, text) #name,
  static const char *const names[] = {CALL_KINDS(CALL_NAME)};
  return names[kind];
}

const char *model_call_stage(unsigned stage) {
  static const char *const names[] = {CALL_STAGES(CALL_NAME)};
  return names[stage];
}

#define NAME_OF(constant, name) name,
#define DEFINE_ENUM_NAME(e) \
  const char *model_##e##_name(uint64_t value) { \
    static const char *const names[] = {ENUM_##e(NAME_OF)}; \
    return value < sizeof(names) / sizeof(names[0]) ? names[value] : "?"; \
  }
HAK_ENUMS(DEFINE_ENUM_NAME)

const char *model_span_name(const struct model_span *s) {
  static const char *const names[] = {MODEL_SPANS(NAME_OF)};
  return names[s->kind];
}

const char *model_span_why(const struct model_span *s) {
  switch (s->kind) {
    case SPAN_REFILL: return model_refill_source_name(s->why);
    case SPAN_DRAIN: return model_drain_reason_name(s->why);
    case SPAN_LEGACY: return model_legacy_reason_name(s->why);
    default: return NULL;
  }
}
