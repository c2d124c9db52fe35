// SPDX-License-Identifier: Apache-2.0
/**
 * Running a guest from the command line: its options, its serial line, what stops it, what is told
 * of it.
 */
package dev.faultline.shell.internal.run;
