// SPDX-License-Identifier: Apache-2.0
/** The demonstration: boot, snapshot, restore in every way, swap, compare. */
package dev.faultline.shell.internal.demo;
