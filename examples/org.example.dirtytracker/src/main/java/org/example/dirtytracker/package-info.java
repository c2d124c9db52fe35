// SPDX-License-Identifier: Apache-2.0
/**
 * An extension that tells which pages a machine writes: a protection layer of its own, and shell
 * commands.
 */
package org.example.dirtytracker;
