// SPDX-License-Identifier: Apache-2.0
/** What is saved of a machine: its owners, its versions, its migrations. */
@NullMarked
package dev.faultline.machine.pc.internal.state;

import org.jspecify.annotations.NullMarked;
