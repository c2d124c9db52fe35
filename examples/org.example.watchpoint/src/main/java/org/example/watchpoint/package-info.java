// SPDX-License-Identifier: Apache-2.0
/**
 * An extension that logs accesses to a range of guest memory and draws a heat map: a fault handler
 * that lets each access through alone, configured by an operator.
 */
package org.example.watchpoint;
