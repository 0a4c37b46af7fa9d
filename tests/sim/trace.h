/* SPDX-License-Identifier: MIT */
/* One line for each event and action, for a person who follows a seed. */
#ifndef SCIAME_TESTS_SIM_TRACE_H
#define SCIAME_TESTS_SIM_TRACE_H

#include "master/scheduler.h"

void trace_event(const struct event *event);
void trace_actions(const struct actions *actions);

#endif
