// SPDX-License-Identifier: Apache-2.0
/**
 * Running a guest from the command line: its options, its serial line, what stops it, what is told
 * of it. A command's machine is opened, run and closed as {@link
 * dev.faultline.shell.internal.run.MachineSession} says.
 */
@NullMarked
package dev.faultline.shell.internal.run;

import org.jspecify.annotations.NullMarked;
