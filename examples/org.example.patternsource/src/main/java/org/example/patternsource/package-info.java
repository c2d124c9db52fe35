// SPDX-License-Identifier: Apache-2.0
/**
 * An extension that fills pages of a machine when they are first touched: a fault handler that
 * changes what it was asked about.
 */
package org.example.patternsource;
